"""Paired significance tests on per-prompt values: how likely chance alone gives a mean as far from the null.

Like the intervals, they are about prompts: they say nothing of other seeds or other draws of training pairs. All
p-values are two-sided. The papers use the Wald test; where it is not to be trusted, `p_value` takes an exact one.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SMALL = 50
"""Up to so many values that are not at the null, signs are flipped: the normal law is not to be trusted yet."""
ENUMERATED = 16
"""Up to so many values, all 2^16 = 65,536 ways of flipping their signs are taken."""
RESAMPLES = 20_000
"""Ways of flipping that are drawn where there are more; no p-value is then below 1 / 20,001."""
CHUNK = 4_000_000
"""Drawn signs held at once, in float64: 32 MB."""
SURE = 0.05
"""p-values below this tell two things apart."""
CHANCE = 0.5
"""The null of a share of wins."""


def p_value(values: np.ndarray, seed: int, null: float = 0.0) -> float | None:
    """Return the two-sided p-value of the mean of per-prompt values, shape (P,), against `null`; None below two values.

    For differences the null is 0, for shares of wins (1, 1/2, 0) it is `CHANCE`. It is the papers' Wald test, but for
    few prompts, or values that do not vary (every prompt won), the sign-flip test. NaN is left out.
    """
    import numpy as np

    shifted = np.asarray(values, dtype=np.float64) - null
    shifted = shifted[~np.isnan(shifted)]
    if len(shifted) < 2:
        return None
    if np.count_nonzero(shifted) <= SMALL or (shifted == shifted[0]).all():
        return sign_flip(shifted, seed)
    return wald(shifted)


def wald(values: np.ndarray) -> float:
    """Return the two-sided p-value of z = mean / (sd / sqrt(P)) under the normal law (DRDO, section 5); the null is 0.

    The sd is the sample's (P - 1). Values that do not vary give 1 at the null, and 0 beside it. Raises ValueError for
    fewer than two values.
    """
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    if len(found) < 2:
        raise ValueError("a standard error needs two values")
    mean, error = abs(float(found.mean())), float(found.std(ddof=1)) / math.sqrt(len(found))
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return math.erfc(mean / error / math.sqrt(2))


def sign_flip(values: np.ndarray, seed: int) -> float:
    """Return the two-sided p-value of the sign-flip permutation test (Fisher): exact where that is cheap, else drawn.

    Under the null each value is as likely on either side of 0. Where all are as far from it, as wins and losses are,
    this is the sign test, its ties left out, from the binomial law; up to `ENUMERATED` values all flips are taken; else
    `RESAMPLES` are drawn with the seed, and the observed one counts among them (Phipson and Smyth, 2010).
    """
    import numpy as np

    found = np.asarray(values, dtype=np.float64)
    found = found[found != 0]
    if not len(found):
        return 1.0
    sizes = np.abs(found)
    if np.ptp(sizes) <= 1e-12 * sizes[0]:
        return _sign_test(int((found > 0).sum()), len(found))
    # sums of the same numbers in another order differ in their last digits
    reached = abs(float(found.sum())) - 1e-12 * float(sizes.sum())
    if len(found) <= ENUMERATED:
        sums = np.zeros(1)
        for value in found:
            sums = np.concatenate([sums + value, sums - value])
        return float((np.abs(sums) >= reached).mean())
    rng, far = np.random.default_rng(seed), 0
    rows = max(1, CHUNK // len(found))
    for start in range(0, RESAMPLES, rows):
        drawn = rng.integers(0, 2, size=(min(rows, RESAMPLES - start), len(found)), dtype=np.int8)
        far += int((np.abs((2.0 * drawn - 1.0) @ found) >= reached).sum())
    return (1 + far) / (1 + RESAMPLES)


def _sign_test(above: int, count: int) -> float:
    """Return P(as lopsided as `above` of `count` or more) under a fair coin, by logarithms: 2^-count may underflow."""
    fewer = min(above, count - above)
    logs = [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) for k in range(fewer + 1)]
    tail = math.fsum(math.exp(log - count * math.log(2)) for log in logs)
    return min(1.0, 2 * tail)


def holm(found: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for there being many (Holm, 1979), in their order; None stays, and does not count.

    Of all comparisons with an adjusted p-value below a, one is wrong with a probability of at most a.
    """
    known = sorted((p, place) for place, p in enumerate(found) if p is not None)
    adjusted: list[float | None] = [None] * len(found)
    least = 0.0
    for rank, (p, place) in enumerate(known):
        least = max(least, min(1.0, p * (len(known) - rank)))
        adjusted[place] = least
    return adjusted


def holm_within(found: Sequence[float | None], tables: Sequence[Hashable]) -> list[float | None]:
    """Return p-values adjusted within each table, in their order. `tables`: which one each p-value stands in."""
    rows: dict[Hashable, list[int]] = {}
    for place, table in enumerate(tables):
        rows.setdefault(table, []).append(place)
    adjusted: list[float | None] = [None] * len(found)
    for places in rows.values():
        for place, p in zip(places, holm([found[place] for place in places]), strict=True):
            adjusted[place] = p
    return adjusted
