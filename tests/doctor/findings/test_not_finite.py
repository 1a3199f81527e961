"""Numbers in a log that are none."""

import math

from wards import only, seen, steady, ward


def test_steps_that_were_skipped_are_a_warning(tmp_path):
    """With the first step and how many."""
    lines = steady()
    for at in (6, 9):
        lines[at] = {"step": lines[at]["step"], "lr": lines[at]["lr"], "skipped": 1.0}
    found = only("not_finite", ward(tmp_path / "a", lines=lines), "warning", "2 of 40 steps were skipped", "step 7")
    assert found.evidence[0].values == {"first_step": 7, "skipped": 2}


def test_other_metrics_are_a_warning(tmp_path):
    """The loss was sound, or the stage would have ended."""
    lines = steady()
    lines[3] |= {"dr": math.nan, "dr_sq": math.nan}
    only("not_finite", ward(tmp_path / "a", lines=lines), "warning", "`dr`, `dr_sq` are not finite at 1 of 40 steps")


def test_finite_logs_are_left_alone(tmp_path):
    """Nothing to say."""
    assert not seen("not_finite", ward(tmp_path / "a", lines=steady()))
