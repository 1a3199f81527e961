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
