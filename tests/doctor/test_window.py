"""Means, spreads and correlations over some steps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from drdoctl.doctor.window import Window


def test_moments_are_those_of_all_pairs():
    """Means over batches of squares and products give the spread and correlation of the pairs behind them."""
    x, y = np.random.default_rng(0).normal(size=(2, 8, 32))
    y = y + x
    lines = [
        {
            "step": at + 1,
            "x": a.mean(),
            "x_sq": (a**2).mean(),
            "y": b.mean(),
            "y_sq": (b**2).mean(),
            "xy": (a * b).mean(),
        }
        for at, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    window = Window(lines)
    assert window.sd("x") == pytest.approx(x.std())
    assert window.correlation("x", "y", "xy") == pytest.approx(np.corrcoef(x.ravel(), y.ravel())[0, 1])
    assert window.error("x") == pytest.approx(x.mean(axis=1).std(ddof=1) / math.sqrt(8))
    assert (window.first, window.last) == (1, 8)


def test_what_is_not_known_is_not_made_up():
    """A metric that was not logged, was never finite, does not vary or has one step has no correlation and no error."""
    window = Window([{"step": 3, "x": math.nan, "y": 1.0, "y_sq": 1.0, "x_sq": 1.0, "xy": 1.0}])
    assert not window.has("x")
    assert window.has("y")
    assert math.isnan(window.mean("x"))
    assert window.error("y") == math.inf
    assert window.correlation("x", "y", "xy") is None
    assert window.correlation("y", "y", "y_sq") is None


def test_rounding_never_leaves_the_range():
    """A correlation is in [-1, 1] and a spread is no root of a negative number, whatever the last digits."""
    line = {"step": 1, "x": 0.1, "x_sq": 0.01, "y": 0.0, "y_sq": 1.0, "z": 0.0, "z_sq": 1.0, "yz": 1.0 + 1e-12}
    assert Window([line]).sd("x") == 0.0
    assert Window([line]).correlation("y", "z", "yz") == 1.0
