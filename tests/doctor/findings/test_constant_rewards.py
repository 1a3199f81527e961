"""An oracle that gives every pair the same margin."""

from wards import only, seen, steady, ward


def test_nothing_to_distil_is_a_fault(tmp_path):
    """No spread at all."""
    only("constant_rewards", ward(tmp_path / "a", lines=steady(dr_sq=0.25)), "fault", "nothing to distil")


def test_an_oracle_with_an_opinion_is_left_alone(tmp_path):
    """A healthy spread, and a method without rewards."""
    assert not seen("constant_rewards", ward(tmp_path / "a", lines=steady()))
    assert not seen("constant_rewards", ward(tmp_path / "b", lines=[{"step": 1, "loss": 1.0}] * 20))
