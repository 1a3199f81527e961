"""Student's t: what a mean over a few seeds says. Exact for whole degrees of freedom, by finite sums.

Abramowitz and Stegun, 26.7.3 and 26.7.4. numpy has no such law, and scipy would be a dependency for this alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev


def central(t: float, df: int) -> float:
    """Return P(|T| < |t|) for `df` degrees of freedom, at least 1."""
    if df < 1:
        raise ValueError("there is no t with fewer than one degree of freedom")
    if math.isinf(t):
        return 1.0
    angle = math.atan(abs(t) / math.sqrt(df))
    sine, cosine = math.sin(angle), math.cos(angle)
    term = cosine if df % 2 else 1.0
    total = 0.0
    for k in range(2 if df % 2 else 1, df, 2):
        total += term
        term *= k / (k + 1) * cosine * cosine
    return 2 / math.pi * (angle + sine * total) if df % 2 else sine * total


def quantile(level: float, df: int) -> float:
    """Return the t for which P(|T| < t) is `level`, such as 0.95, by bisection."""
    low, high = 0.0, 1.0
    while central(high, df) < level:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if central(middle, df) < level else (low, middle)
    return high


def interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float] | None:
    """Return the t-interval of the mean of independent values; None for fewer than two."""
    if len(values) < 2:
        return None
    mean = fmean(values)
    half = quantile(level, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean - half, mean + half


def p_value(values: Sequence[float], null: float = 0.0) -> float | None:
    """Return the two-sided p-value of a one-sample t-test of the mean against `null`; None for fewer than two values.

    Values that do not vary give 1 at the null and 0 beside it.
    """
    if len(values) < 2:
        return None
    gap, error = fmean(values) - null, stdev(values) / math.sqrt(len(values))
    if error == 0:
        return 1.0 if gap == 0 else 0.0
    return max(0.0, 1 - central(gap / error, len(values) - 1))
