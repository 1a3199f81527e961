"""What filters by one number share: bounds on the number itself, or on its place among the pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pydantic import Field, model_validator

from drdoctl.splits import PairTable, Split

if TYPE_CHECKING:
    import numpy as np

BOUNDS = ("at_least", "at_most", "from_quantile", "to_quantile")


class RangeSplit(Split):
    """Keep the pairs whose number lies within bounds."""

    at_least: float | None = None
    """Keep what is this or more."""
    at_most: float | None = None
    """Keep what is this or less."""
    from_quantile: float | None = Field(default=None, gt=0, lt=1)
    """Keep what is at or above this quantile of the pairs."""
    to_quantile: float | None = Field(default=None, gt=0, lt=1)
    """Keep what is below this quantile of the pairs."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if all(getattr(self, name) is None for name in BOUNDS):
            raise ValueError(f"split `{self.name}` needs one of {', '.join(f'`{name}`' for name in BOUNDS)}")
        for low, high in (BOUNDS[:2], BOUNDS[2:]):
            least, most = getattr(self, low), getattr(self, high)
            if least is not None and most is not None and (least > most or (low == "from_quantile" and least == most)):
                raise ValueError(f"no pair lies between `{low}: {least:g}` and `{high}: {most:g}`")
        return self

    def about(self, rows: int) -> int:
        """Quantiles are known before the pairs are; a bound on the number itself is taken to keep half."""
        share = (1.0 if self.to_quantile is None else self.to_quantile) - (self.from_quantile or 0.0)
        halves = sum(getattr(self, name) is not None for name in BOUNDS[:2])
        return round(rows * share * 0.5**halves)

    def values(self, table: PairTable) -> tuple[np.ndarray, np.ndarray]:  # noqa: ARG002  # subclasses read it
        """Return (indices of the pairs whose number is known, their numbers)."""
        raise TypeError(f"split {self.name} has no number to go by")

    def keep(self, table: PairTable, seed: int) -> np.ndarray:  # noqa: ARG002  # nothing is drawn
        """Return the indices of the pairs kept, ascending."""
        import numpy as np

        known, values = self.values(table)
        inside = np.ones(len(values), dtype=bool)
        if not len(values):
            return known
        if self.at_least is not None:
            inside &= values >= self.at_least
        if self.at_most is not None:
            inside &= values <= self.at_most
        if self.from_quantile is not None:
            inside &= values >= np.quantile(values, self.from_quantile)
        if self.to_quantile is not None:
            inside &= values < np.quantile(values, self.to_quantile)
        kept: np.ndarray = known[inside]
        return kept
