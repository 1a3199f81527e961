"""Intervals by paired bootstrap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core import bootstrap
from drdoctl.core.bootstrap import interval, resampled_means


def test_the_width_is_that_of_the_normal_law():
    """For the mean of 1,000 normal numbers the interval is about +-1.96 sd / sqrt(n) around it."""
    values = np.random.default_rng(0).normal(3, 2, 1000)
    low, high = interval(values, seed=1)
    assert low == pytest.approx(values.mean() - 1.96 * values.std() / 1000**0.5, abs=0.02)
    assert high == pytest.approx(values.mean() + 1.96 * values.std() / 1000**0.5, abs=0.02)


def test_about_95_percent_of_intervals_hold_the_truth():
    """Over 200 draws of 60 prompts the interval of the mean covers the true mean in 88 to 99 % of them."""
    rng = np.random.default_rng(7)
    found = [interval(rng.normal(0, 1, 60), seed=draw, resamples=400) for draw in range(200)]
    assert 0.88 <= np.mean([low <= 0 <= high for low, high in found]) <= 0.99


def test_same_seed_same_interval():
    """The same input and seed give the same interval; another seed gives another."""
    values = np.random.default_rng(0).normal(size=50)
    assert interval(values, 3) == interval(values, 3) != interval(values, 4)


def test_drawing_in_chunks_changes_nothing(monkeypatch):
    """How many draws are held in memory at once has no say in the numbers."""
    values = np.random.default_rng(0).normal(size=50)
    whole = interval(values, 3)
    monkeypatch.setattr(bootstrap, "CHUNK", 700)
    assert interval(values, 3) == whole


def test_pairing_takes_the_prompts_own_variance_out():
    """A difference of two noisy columns that share their noise has an interval far narrower than the columns'."""
    rng = np.random.default_rng(0)
    noise, gap = rng.normal(0, 5, 200), rng.normal(0.5, 0.1, 200)
    low, high = interval(np.stack([noise + gap, noise], axis=1), 0, lambda means: means[:, 0] - means[:, 1])
    assert 0.4 < low < 0.5 < high < 0.6


def test_one_prompt_has_no_interval():
    """Fewer than two prompts, or a statistic that is never finite, give None in place of a false certainty."""
    assert interval(np.array([1.0]), 0) is None
    assert interval(np.ones(5), 0, lambda means: means[:, 0] * np.nan) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_the_interval_stays_in_the_range_of_the_values(values):
    """No resampled mean leaves the range of the values, and low is never above high."""
    low, high = interval(np.array(values), 0, resamples=50)
    slack = 1e-9 * (1 + max(map(abs, values)))
    assert min(values) - slack <= low <= high <= max(values) + slack


def test_many_columns_at_once_are_drawn_alike():
    """Means of many columns are those of one column after the other, from the same draws."""
    columns = np.random.default_rng(4).normal(size=(37, 5))
    means = resampled_means(columns, seed=9)
    for at in range(5):
        low, high = np.quantile(means[:, at], [0.025, 0.975])
        assert (low, high) == pytest.approx(interval(columns[:, at], seed=9), rel=1e-12)
