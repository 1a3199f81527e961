"""AlpacaEval's sums by hand: win rates, their standard error, ties, and outputs of like length."""

from __future__ import annotations

import math

import pytest

from drdoctl.evals._leaderboard import like_length, standing


def test_by_hand():
    """Wins by probability, ties half; the error of the mean divides by n - 1 and then by the root of n."""
    found = standing([1.0, 2.0, 1.5, 1.9, None])
    assert found["win_rate"] == pytest.approx(100 * (0 + 1 + 0.5 + 0.9) / 4)
    squares = sum((value - 0.6) ** 2 for value in (0, 1, 0.5, 0.9))
    assert found["standard_error"] == pytest.approx(100 * math.sqrt(squares / 3) / 2)
    assert found["discrete_win_rate"] == pytest.approx(100 * 2.5 / 4)
    assert (found["n_wins"], found["n_wins_base"], found["n_draws"], found["n_total"]) == (2, 1, 1, 4)


def test_a_share_of_nothing_is_none():
    """Without judgements there is no win rate; with one there is no standard error."""
    assert standing([None])["win_rate"] is None
    assert (standing([2.0])["win_rate"], standing([2.0])["standard_error"]) == (100, None)


def test_like_length_is_within_a_tenth_of_the_longer():
    """90 against 100 counts, 89 does not, and two empty outputs are of like length."""
    found = like_length([2.0, 1.0, 1.0, None], [90, 89, 0, 100], [100, 100, 0, 100])
    assert found == {"win_rate_like_length": 50, "n_like_length": 2}
    assert like_length([2.0], [1], [9]) == {"win_rate_like_length": None, "n_like_length": 0}
