"""Imitation that learns nothing."""

from wards import course, only, seen, ward


def test_a_flat_loss_is_a_warning(tmp_path):
    """Less than two hundredths in the whole training."""
    case = ward(tmp_path / "a", "sft", course({"loss": 2.0}, {"loss": 1.99}))
    assert "student.sft.learning_rate" in only("loss_flat", case, "warning", "the loss is flat: 2 at the start").advice


def test_uneven_batches_show_nothing(tmp_path):
    """Losses that jump by a half from step to step would hide such a fall."""
    lines = [{"step": at, "loss": 2.0 + 0.5 * (-1) ** at} for at in range(1, 41)]
    assert not seen("loss_flat", ward(tmp_path / "a", "sft", lines))


def test_a_falling_loss_and_an_unfinished_stage_are_left_alone(tmp_path):
    """So is one that rises, which has a finding of its own."""
    running = ward(tmp_path / "b", "sft", course({"loss": 2.0}, {"loss": 2.0}))
    running.state = "running"
    falls, rises = (ward(tmp_path / str(end), "sft", course({"loss": 2.0}, {"loss": end})) for end in (1.5, 3.0))
    assert not any(seen("loss_flat", case) for case in (running, falls, rises))
