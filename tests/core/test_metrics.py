"""Logs of training are read as far as they are whole."""

from drdoctl.core.metrics import read_metrics


def test_a_torn_line_ends_the_log(tmp_path):
    """What a crash tore, and what came after it, is left out; numbers that are not finite are kept as such."""
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": NaN}\n{"step": 2, "lo\n{"step": 3}\n')
    (line,) = read_metrics(path)
    assert line["step"] == 1
    assert line["loss"] != line["loss"]


def test_no_file_is_no_lines(tmp_path):
    """A stage that has not begun has no metrics."""
    assert read_metrics(tmp_path / "none.jsonl") == []


def test_what_is_no_line_of_metrics_ends_the_log(tmp_path):
    """Bytes that are no text, and JSON that is no step with its numbers, are left out with what follows."""
    path = tmp_path / "metrics.jsonl"
    steps = (b'{"loss": 1}\n', b'{"step": "2"}\n', b'{"step": {}}\n', b'{"step": -1}\n', b'{"step": 1e9}\n')
    values = (
        b'{"step": 2, "loss": null}\n',
        b'{"step": 2, "loss": "1"}\n',
        b'{"step": 2, "loss": 1%s}\n' % (b"0" * 400),
    )
    for junk in (b"\x80\xff\n", b"[1]\n", b'"x"\n', *steps, *values):
        path.write_bytes(b'{"step": 1}\n' + junk + b'{"step": 2}\n')
        assert read_metrics(path) == [{"step": 1}]
