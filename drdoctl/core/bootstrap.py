"""Paired bootstrap over prompts: what the difference between two students would have been with other prompts.

It says nothing of other seeds or other draws of training pairs; those need runs of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 2000
CHUNK = 4_000_000
"""Drawn indices held at once: 16 MB, and 32 MB for what they pick."""


def _draws(prompts: int, seed: int, resamples: int) -> Iterator[np.ndarray]:
    """Yield the indices drawn, (B, prompts) in all, some rows at a time."""
    import numpy as np

    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK // prompts)
    for start in range(0, resamples, rows):
        yield rng.integers(0, prompts, size=(min(rows, resamples - start), prompts), dtype=np.int32)


def resampled_means(columns: np.ndarray, seed: int, resamples: int = RESAMPLES) -> np.ndarray:
    """Return the means of columns (P, C) over the same draws as `interval` takes, (B, C), for many columns at once.

    How often each prompt was drawn is counted once for all columns, so that a column costs one matrix product.
    """
    import numpy as np

    prompts = len(columns)
    found = []
    for drawn in _draws(prompts, seed, resamples):
        rows = len(drawn)
        places = drawn + prompts * np.arange(rows, dtype=np.int64)[:, None]
        counts = np.bincount(places.ravel(), minlength=rows * prompts).reshape(rows, prompts)
        found.append(counts.astype(np.float64) @ columns / prompts)
    return np.concatenate(found)


def interval(
    columns: np.ndarray,
    seed: int,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
    resamples: int = RESAMPLES,
) -> tuple[float, float] | None:
    """Return the 95 % percentile interval of a statistic of column means, or None for fewer than two prompts.

    `columns` is (P, C), one row a prompt, so that what belongs to one prompt is drawn together (paired); a vector
    stands for one column. `statistic` maps resampled means (B, C) to values (B,); without it, the first column's mean.
    Values that are not finite (a ratio whose denominator was not drawn) are left out; None where none is left.
    Seeded: the same input gives the same interval.
    """
    import numpy as np

    table = np.asarray(columns, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    prompts = len(table)
    if prompts < 2:
        return None
    means = (
        np.stack([column[drawn].mean(axis=1) for column in table.T], axis=1)
        for drawn in _draws(prompts, seed, resamples)
    )
    resampled = np.concatenate(list(means))
    return ends(resampled[:, 0] if statistic is None else statistic(resampled))


def ends(values: np.ndarray) -> tuple[float, float] | None:
    """Return the 2.5 % and 97.5 % quantiles of resampled values, (B,), those not finite left out; None without any."""
    import numpy as np

    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
