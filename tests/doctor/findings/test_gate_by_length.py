"""A gate that opens by length."""

from wards import only, seen, steady, ward


def lengths(correlation):
    """Return a log whose gate, of sd 0.2, has this correlation with a length difference of sd 10."""
    return steady(length_diff=0.0, length_diff_sq=100.0, gate_x_length_diff=0.2 * 10 * correlation)


def test_a_gate_that_follows_length_is_a_warning(tmp_path):
    """To both sides, with the correlation as evidence."""
    found = only("gate_by_length", ward(tmp_path / "a", lines=lengths(0.9)), "warning", "is +0.90", "is longer")
    assert abs(found.evidence[0].values["correlation"] - 0.9) < 1e-9
    only("gate_by_length", ward(tmp_path / "b", lines=lengths(-0.8)), "warning", "is -0.80", "is shorter")


def test_a_gate_that_does_not_is_left_alone(tmp_path):
    """The quickstart's 0.35 is no warning; logs without the product say nothing."""
    assert not seen("gate_by_length", ward(tmp_path / "a", lines=lengths(0.35)))
    assert not seen("gate_by_length", ward(tmp_path / "b", lines=steady()))
