"""Labels that length predicts."""

from wards import data, only, seen


def after_split(*longer):
    """Return the statistics of a split whose steps leave these shares of labels for the longer response."""
    return {"statistics": {"train": [{"rows": 600, "longer_chosen": share, "unlike_lengths": 0.9} for share in longer]}}


def test_length_biased_labels_are_a_warning(tmp_path):
    """As they are after the last step, to either side."""
    only("labels_follow_length", data(tmp_path / "a", **after_split(0.5, 0.8)), "warning", "80 %", "longer")
    only("labels_follow_length", data(tmp_path / "b", **after_split(0.2)), "warning", "80 %", "shorter")


def test_usual_labels_are_left_alone(tmp_path):
    """0.6 is no warning; data without statistics, or without lengths, say nothing."""
    assert not seen("labels_follow_length", data(tmp_path / "a", **after_split(0.8, 0.6)))
    assert not seen("labels_follow_length", data(tmp_path / "b"))
    assert not seen("labels_follow_length", data(tmp_path / "c", **after_split(None)))
