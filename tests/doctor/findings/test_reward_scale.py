"""Reward margins on different scales."""

import pytest
from wards import HEALTHY, course, only, seen, steady, ward


@pytest.mark.parametrize(
    ("values", "advised"),
    [({"r_hat_margin_sq": 0.16 + 100}, "lower `beta`"), ({"dr_sq": 0.25 + 400}, "larger `beta`, `reward_scale: std`")],
)
def test_other_scales_are_a_warning(tmp_path, values, advised):
    """To either side, each with its own cure."""
    found = only("reward_scale", ward(tmp_path / "a", lines=steady(**values)), "warning", "differ in scale")
    assert advised in found.advice


def test_a_student_that_stands_still_is_told_so(tmp_path):
    """One whose spread is not growing will not come to the oracle's."""
    case = ward(tmp_path / "a", lines=steady(dr_sq=400.0))
    only("reward_scale", case, "warning", "no longer growing")
    growing = course({**HEALTHY, "dr_sq": 400.0, "r_hat_margin_sq": 0.17}, {**HEALTHY, "dr_sq": 400.0})
    assert "no longer" not in only("reward_scale", ward(tmp_path / "b", lines=growing), "warning").message


def test_a_student_that_is_on_its_way_is_left_alone(tmp_path):
    """It is not done, and its spread is growing."""
    start, end = {**HEALTHY, "dr_sq": 400.0, "r_hat_margin_sq": 0.17}, {**HEALTHY, "dr_sq": 400.0}
    case = ward(tmp_path / "a", lines=course(start, end))
    case.state = "running"
    assert not seen("reward_scale", case)


def test_like_scales_are_left_alone(tmp_path):
    """The quickstart's students end within a factor of 1.6; an oracle without spread has a finding of its own."""
    assert not seen("reward_scale", ward(tmp_path / "a", lines=steady()))
    assert not seen("reward_scale", ward(tmp_path / "b", lines=steady(dr_sq=0.25)))
