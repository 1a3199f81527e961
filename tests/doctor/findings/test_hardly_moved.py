"""A student that hardly moved from its reference."""

from wards import join, only, seen, steady, ward

STILL = steady(implicit_margin=0.0002, implicit_margin_sq=1e-6)


def test_a_student_that_stands_still_is_a_warning(tmp_path):
    """Its margins are a thousandth in size; the learning rate is named."""
    case = join(ward(tmp_path / "a", lines=STILL), logps=ward(tmp_path / "logps", "logps"))
    assert "0.0003" in only("hardly_moved", case, "warning", "hardly moved", "0.001").advice


def test_who_moved_or_is_not_done_is_left_alone(tmp_path):
    """So is a method without a reference, whose margins do not begin at 0."""
    cached = ward(tmp_path / "logps", "logps")
    running = join(ward(tmp_path / "b", lines=STILL), logps=cached)
    running.state = "running"
    cases = (join(ward(tmp_path / "a", lines=steady()), logps=cached), running, ward(tmp_path / "c", lines=STILL))
    assert not any(seen("hardly_moved", case) for case in cases)
