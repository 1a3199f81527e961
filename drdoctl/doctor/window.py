"""Means over a window of steps. Metrics are means over the global batch, so those of products give exact moments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


class Window:
    """Some lines of `metrics.jsonl`, one after the other. Values that are not finite count as not logged."""

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """`lines`: at least one."""
        self.lines = lines
        self.first, self.last = int(lines[0].get("step", 1)), int(lines[-1].get("step", len(lines)))

    def values(self, name: str) -> list[float]:
        """Return a metric's finite values."""
        found = (line.get(name) for line in self.lines)
        return [float(value) for value in found if isinstance(value, int | float) and math.isfinite(value)]

    def has(self, *names: str) -> bool:
        """Whether all these metrics were logged."""
        return all(self.values(name) for name in names)

    def mean(self, name: str) -> float:
        """Return a metric's mean; NaN where it was not logged."""
        values = self.values(name)
        return sum(values) / len(values) if values else math.nan

    def error(self, name: str) -> float:
        """Return the standard error of that mean; infinite of fewer than two steps."""
        values = self.values(name)
        if len(values) < 2:
            return math.inf
        mean = sum(values) / len(values)
        return math.sqrt(sum((value - mean) * (value - mean) for value in values) / (len(values) - 1) / len(values))

    def sd(self, name: str) -> float:
        """Return the standard deviation over all pairs of a metric that is logged with its square, `NAME_sq`."""
        mean = self.mean(name)
        return math.sqrt(max(0.0, self.mean(f"{name}_sq") - mean * mean))  # a power of large numbers would raise

    def correlation(self, x: str, y: str, product: str) -> float | None:
        """Return Pearson's r over all pairs of two metrics, logged with squares and product; None where unknown."""
        if not self.has(x, y, f"{x}_sq", f"{y}_sq", product):
            return None
        spread = self.sd(x) * self.sd(y)
        if not spread > 1e-12:
            return None
        return max(-1.0, min(1.0, (self.mean(product) - self.mean(x) * self.mean(y)) / spread))
