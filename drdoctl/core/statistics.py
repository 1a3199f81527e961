"""Small statistics of paired values, of which evals, tables and charts give the same numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

LIKE_LENGTH = 0.1
"""Two responses are of like length where their lengths differ by at most this share of the longer one."""
TIE = 1e-5
"""Rewards this near, as a share of the larger one where that is above 1, are a tie. In float32 a reward differs by some
2e-6 with the batch that it is computed in (docs/evaluation.md): what is smaller is no win."""


def share_above(margin: np.ndarray) -> np.ndarray:
    """Return 1 where the margin is above 0, 1/2 for a tie, 0 below; NaN stays. Its mean is a share of wins."""
    import numpy as np

    share: np.ndarray = np.where(np.abs(margin) <= TIE, 0.5, (np.sign(margin) + 1) / 2)
    return share


def gaps(ours: np.ndarray, theirs: np.ndarray, same: np.ndarray | None = None) -> np.ndarray:
    """Return ours minus theirs, (P,), and exactly 0 for a tie; NaN stays. `same`: whose texts are equal, (P,), bool."""
    import numpy as np

    found: np.ndarray = np.asarray(ours, dtype=np.float64) - theirs
    tied = np.abs(found) <= TIE * np.maximum(1.0, np.maximum(np.abs(ours), np.abs(theirs)))
    if same is not None:
        tied |= same & np.isfinite(found)
    found[tied] = 0.0
    return found


def like_length(ours: np.ndarray, theirs: np.ndarray) -> np.ndarray:
    """Return which responses are of like length, (P,), bool, from both sides' lengths, (P,), in any unit."""
    import numpy as np

    like: np.ndarray = np.abs(ours - theirs) <= LIKE_LENGTH * np.maximum(ours, theirs)
    return like


def pearson(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return Pearson's r of two columns, each (N,), finite; None where one of them does not vary."""
    import numpy as np

    sides = np.stack([x, y]).astype(np.float64)
    if not (sides.std(axis=1) > 1e-12 * np.abs(sides).max(axis=1)).all():
        return None
    return float(np.asarray(np.corrcoef(sides))[0, 1])


def moments(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return (M, 5): x, y, x^2, y^2, xy of the standardised columns, which leaves the correlation as it is."""
    import numpy as np

    x, y = ((values - np.nanmean(values)) / (np.nanstd(values) or 1.0) for values in (x, y))
    return np.stack([x, y, x**2, y**2, x * y], axis=1)


def correlation(means: np.ndarray) -> np.ndarray:
    """Return Pearson's r from means (B, 5) of `moments`, one for each resample; NaN where one side does not vary."""
    import numpy as np

    x, y, xx, yy, xy = means.T
    spread = np.maximum(xx - x**2, 0) * np.maximum(yy - y**2, 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spread > 1e-12, (xy - x * y) / np.sqrt(spread), np.nan)


def ranks(values: np.ndarray) -> np.ndarray:
    """Return ranks from 1, equal values sharing the mean of theirs, shape (M,): Spearman's rho is their correlation."""
    import numpy as np

    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    shared: np.ndarray = (ends - (counts - 1) / 2)[place]
    return shared
