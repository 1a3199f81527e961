"""Files that are not as they were committed."""

from wards import data, only, seen, ward

from drdoctl.core.files import seal

LINES = [{"step": 1, "loss": 0.5}]


def committed(case):
    """Let a stage's files be those that its manifest lists."""
    case.files = {path.name: seal(path) for path in case.folder.iterdir()}
    return case


def test_a_damaged_file_is_named_and_not_looked_into(tmp_path):
    """A report whose bytes are others is a fault with the remedy; no finding says anything of its content."""
    case = committed(data(tmp_path / "data", {"dropped": {"long-pair": 900}}))
    assert only("dropped_pairs", case, "warning")
    (case.folder / "report.json").write_text('{"parts": {"train": 3}}')
    case = committed_as(case)
    found = only("damaged", case, "fault", "`report.json` is not as it was committed")
    assert f"rm -r {case.folder}" in found.advice
    assert not seen("dropped_pairs", case)


def committed_as(case):
    """Return the stage as a new process reads it."""
    return type(case)(case.id, case.kind, case.artifact, case.folder, settings=case.settings, files=case.files)


def test_a_lost_log_is_named(tmp_path):
    """A log that the manifest lists and that is not there is a fault; what is whole is none."""
    case = committed(ward(tmp_path / "a", lines=LINES))
    assert not seen("damaged", case)
    assert case.lines == LINES
    (case.folder / "metrics.jsonl").unlink()
    case = committed_as(case)
    only("damaged", case, "fault", "`metrics.jsonl` is gone")
    assert case.lines == []


def test_what_is_in_progress_is_vouched_for_by_nobody(tmp_path):
    """A log in progress is read as far as it goes; a result counts once it is committed."""
    case = ward(tmp_path / "data-1.partial", "data", LINES, {"report.json": {"parts": []}})
    assert not seen("damaged", case)
    assert case.lines == LINES
    assert case.document("report.json") == {}
