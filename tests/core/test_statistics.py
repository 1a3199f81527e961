"""Small statistics of paired values."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.statistics import TIE, correlation, gaps, like_length, moments, pearson, ranks, share_above


def test_share_above_halves_ties():
    """A win is 1, a tie 1/2, a loss 0, and what is not known stays unknown."""
    assert share_above(np.array([3.0, 0.0, -1e-9, -2e-5])).tolist() == [1.0, 0.5, 0.5, 0.0]
    assert np.isnan(share_above(np.array([np.nan]))).all()


@given(st.floats(-1e4, 1e4), st.floats(-3e-6, 3e-6), st.floats(3e-5, 1e3))
def test_what_float32_does_to_a_reward_is_a_tie(reward, noise, gap):
    """Noise of a reward's size is nothing; three times the tolerance and more is a difference, as large as it is."""
    size = max(1.0, abs(reward))
    near, far = reward + noise * size, reward + gap * size
    found = gaps(np.array([reward, reward, far]), np.array([near, far, reward]))
    assert found.tolist() == [0.0, reward - far, far - reward]


def test_equal_texts_are_a_tie():
    """However far half precision puts them apart; what is not known stays unknown."""
    found = gaps(np.array([1.0, 1.0, np.nan]), np.array([1.1, 1.1, 1.0]), np.array([True, False, True]))
    assert found[:2].tolist() == [0.0, pytest.approx(-0.1)]
    assert np.isnan(found[2])
    assert TIE < 0.1


def test_like_length_is_a_tenth_of_the_longer():
    """9 and 10 are of like length whichever is first, 8 and 10 are not; nothing is like nothing."""
    ours, theirs = np.array([9, 10, 8, 10, 0]), np.array([10, 9, 10, 8, 0])
    assert like_length(ours, theirs).tolist() == [True, True, False, False, True]


def test_pearson_needs_variation():
    """Where one column does not vary there is no correlation; else it is Pearson's."""
    assert pearson(np.array([1.0, 1.0]), np.array([2.0, 3.0])) is None
    assert pearson(np.array([1e9 + 0.1] * 3), np.array([1.0, 2.0, 3.0])) is None
    assert pearson(np.array([1.0, 2.0, 3.0]), np.array([2.0, 0.0, -2.0])) == pytest.approx(-1)


def test_correlation_of_moments_is_pearsons():
    """From means of moments follows what the columns themselves give; NaN where one does not vary."""
    rng = np.random.default_rng(0)
    x = rng.normal(1e4, 1, 50)
    y = x + rng.normal(size=50)
    means = np.stack([moments(x, y).mean(axis=0), moments(x, np.ones(50)).mean(axis=0)])
    found = correlation(means)
    assert found[0] == pytest.approx(pearson(x, y))
    assert np.isnan(found[1])


def test_ranks_share_ties():
    """Equal values have the mean of the ranks that they take up."""
    assert ranks(np.array([5.0, 1.0, 5.0, 9.0])).tolist() == [2.5, 1.0, 2.5, 4.0]
