"""A training loss that rises."""

import random

from wards import only, seen, ward


def noisy(*quarters, count=96):
    """Return a log whose loss has these means in its quarters, with the noise of small batches."""
    draw = random.Random(1)  # noqa: S311
    means = [quarters[at * len(quarters) // count] for at in range(count)]
    return [
        {"step": at + 1, "lr": 1e-4, "loss": draw.gauss(mean, 0.1 * mean), "grad_norm": 1.0}
        for at, mean in enumerate(means)
    ]


def test_a_loss_that_rises_again_is_a_warning(tmp_path):
    """Well beyond the noise of its batches, in every kind of training."""
    for kind in ("sft", "oracle", "align"):
        found = only("loss_rises", ward(tmp_path / kind, kind, noisy(1.0, 0.7, 0.9, 1.4)), "warning", "the loss rises")
        assert "0.0003" in found.advice


def test_noise_is_left_alone(tmp_path):
    """A falling loss, a flat one, and one of too few steps."""
    for place, quarters in enumerate(((1.0, 0.8, 0.7, 0.6), (0.69, 0.69, 0.69, 0.69), (0.6, 0.6, 0.6, 0.62))):
        assert not seen("loss_rises", ward(tmp_path / str(place), lines=noisy(*quarters)))
    assert not seen("loss_rises", ward(tmp_path / "short", lines=noisy(1.0, 2.0, count=8)))
