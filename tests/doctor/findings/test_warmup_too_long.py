"""A warm-up that takes most of the training."""

from wards import only, seen, ward

PEAK = 3e-4


def warm(steps, count=40):
    """Return the log of a training with this warm-up and a linear decay."""
    rates = [PEAK * min((at + 1) / steps, 1 - max(0, at - steps) / count) for at in range(count)]
    return [{"step": at + 1, "lr": rate, "loss": 1.0} for at, rate in enumerate(rates)]


def test_a_peak_that_never_came_is_a_fault(tmp_path):
    """A warm-up of 100 steps in a training of 40."""
    only(
        "warmup_too_long", ward(tmp_path / "a", lines=warm(100)), "fault", "never came to its peak", "0.00012 of 0.0003"
    )


def test_a_peak_that_came_late_is_a_warning(tmp_path):
    """30 steps of 40."""
    only("warmup_too_long", ward(tmp_path / "a", lines=warm(30)), "warning", "30 of 40 steps")


def test_usual_schedules_are_left_alone(tmp_path):
    """A tenth, none at all with a constant rate, and a stage that has not ended."""
    running = ward(tmp_path / "c", lines=warm(100))
    running.state = "interrupted"
    constant = ward(tmp_path / "b", lines=[{"step": at, "lr": PEAK} for at in range(1, 41)])
    assert not any(seen("warmup_too_long", case) for case in (ward(tmp_path / "a", lines=warm(4)), constant, running))
