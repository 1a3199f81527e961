"""A student that is not its reference at step 1."""

from wards import join, only, seen, steady, ward


def first(margin, **settings):
    """Return the log of a student whose first margin is this."""
    lines = steady()
    lines[0]["implicit_margin"] = margin
    return lines


def test_another_models_cache_is_a_fault(tmp_path):
    """A margin of 0.3 at beta 0.1 is 3 nats where there should be none."""
    cached = ward(tmp_path / "logps", "logps")
    case = join(ward(tmp_path / "a", lines=first(0.3), method__beta=0.1), logps=cached)
    assert "`logps`" in only("reference_mismatch", case, "fault", "+3.00 nats").advice


def test_the_same_model_is_left_alone(tmp_path):
    """Exactly 0, the rounding of bfloat16, a log that was cut at its start, and methods without a reference."""
    cached = ward(tmp_path / "logps", "logps")
    for place, (margin, cut) in enumerate(((0.0, 0), (0.004, 0), (0.3, 1))):
        case = join(ward(tmp_path / str(place), lines=first(margin)[cut:], method__beta=0.1), logps=cached)
        assert not seen("reference_mismatch", case)
    assert not seen("reference_mismatch", ward(tmp_path / "free", lines=first(9.0), method__beta=0.1))
