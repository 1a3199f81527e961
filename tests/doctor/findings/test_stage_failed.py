"""A failed stage's own word."""

from wards import only, seen, ward

FAILURE = {"faults": [{"code": "not-finite", "message": "the loss is nan at step 3", "hint": "lower the rate"}]}


def test_its_own_word_is_passed_on(tmp_path):
    """Message and remedy; without one, the log is named."""
    case = ward(tmp_path / "a", files={"failure.json": FAILURE})
    case.state = "failed"
    assert only("stage_failed", case, "fault", "the stage failed: the loss is nan").advice == "lower the rate"
    bare = ward(tmp_path / "b", "data", files={"failure.json": {"faults": [{"code": "x", "message": "no"}]}})
    bare.state = "failed"
    assert "log.txt" in only("stage_failed", bare, "fault").advice


def test_what_is_no_fault_is_left_out(tmp_path):
    """Of a file that holds anything, faults with a sentence are told, whatever their other fields are."""
    odd = [3, {"message": None}, {"message": "no room", "code": {}, "hint": ["x"]}]
    case = ward(tmp_path / "a", files={"failure.json": {"faults": odd}})
    case.state = "failed"
    only("stage_failed", case, "fault", "the stage failed: no room")


def test_what_did_not_fail_is_left_alone(tmp_path):
    """A failure that a later run overcame is past."""
    assert not seen("stage_failed", ward(tmp_path / "a", files={"failure.json": FAILURE}))
