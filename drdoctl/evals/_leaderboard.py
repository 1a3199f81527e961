"""AlpacaEval's leaderboard: a model's win rate against a baseline from a judge's preferences.

The sums are those of `alpaca_eval` (metrics/winrate.py and metrics/helpers.py, version 0.6.6), under its names and in
per cent, so that they can be laid beside its published leaderboards (Dubois et al. 2024, arXiv 2404.04475).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from drdoctl.core import statistics


def standing(preferences: Sequence[float | None]) -> dict[str, Any]:
    """Return the row of the leaderboard without its lengths.

    Args:
        preferences: n judgements, each from 1 (the baseline's output is better) to 2 (the model's is), 1.5 for a
            tie; None where the judge gave none, which is left out.

    `win_rate` is the mean of `preference - 1`, `standard_error` that of the mean (the sample's standard deviation,
    n - 1 below, over the root of n; None for fewer than two), both in per cent. `discrete_win_rate` counts each
    judgement as won, lost or half. All shares are None where there is no judgement.

    """
    import numpy as np

    won = np.array([found for found in preferences if found is not None], dtype=np.float64) - 1
    total = len(won)
    hard = np.where(won == 0.5, 0.5, np.round(won))
    return {
        "win_rate": float(won.mean() * 100) if total else None,
        "standard_error": float(won.std(ddof=1) / np.sqrt(total) * 100) if total > 1 else None,
        "n_wins": int((won > 0.5).sum()),
        "n_wins_base": int((won < 0.5).sum()),
        "n_draws": int((won == 0.5).sum()),
        "n_total": total,
        "discrete_win_rate": float(hard.mean() * 100) if total else None,
    }


def like_length(preferences: Sequence[float | None], ours: Sequence[int], theirs: Sequence[int]) -> dict[str, Any]:
    """Return the win rate among outputs of like length (within a tenth of the longer one), in per cent, and how many.

    Args:
        preferences: as for `standing`.
        ours: the model's lengths, in characters.
        theirs: the baseline's.

    """
    import numpy as np

    like = statistics.like_length(np.asarray(ours), np.asarray(theirs))
    found = standing([preference for preference, is_like in zip(preferences, like, strict=True) if is_like])
    return {"win_rate_like_length": found["win_rate"], "n_like_length": found["n_total"]}
