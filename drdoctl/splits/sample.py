"""`sample`: so many pairs, or such a share of them, drawn with the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from drdoctl.core.chance import first, share
from drdoctl.splits import PairTable, Split
from drdoctl.splits._draw import SAMPLE, lots

if TYPE_CHECKING:
    import numpy as np


class Sample(Split):
    """Keep pairs drawn at random. Smaller samples of one draw lie within larger ones."""

    name: Literal["sample"] = "sample"
    rows: int | None = Field(default=None, ge=1)
    """How many; all where there are fewer."""
    fraction: float | None = Field(default=None, gt=0, le=1)
    """Which share, in place of `rows`; the number is rounded, halves up."""
    draw: int = Field(default=0, ge=0)
    """Another number draws other pairs, with the spec's seed as it is."""

    paper: ClassVar[str] = "few pairs, and several draws of them, over which results vary too"

    @model_validator(mode="after")
    def _one_size(self) -> Self:
        if self.rows is None and self.fraction is None:
            raise ValueError("split `sample` needs one of `rows`, `fraction`")
        if self.rows is not None and self.fraction is not None:
            raise ValueError("`fraction` stands in place of `rows`: split `sample` takes one of them")
        return self

    def about(self, rows: int) -> int:
        """Return how many are drawn from so many."""
        return min(rows, self.rows) if self.rows is not None else share(self.fraction or 0.0, rows)

    def keep(self, table: PairTable, seed: int) -> np.ndarray:
        """Return the indices of the pairs with the smallest lots, ascending."""
        import numpy as np

        return first(lots(table, seed, SAMPLE, self.draw), np.arange(len(table)), self.about(len(table)))
