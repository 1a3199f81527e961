"""`hard`: unsure labels on responses that differ little (the papers' D_lc,le)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.splits import PairTable, Split
from drdoctl.splits._thresholds import sides

if TYPE_CHECKING:
    import numpy as np


class Hard(Split):
    """Keep pairs whose confidence and edit distance are both below their quantile."""

    name: Literal["hard"] = "hard"
    quantile: float = Field(default=0.5, gt=0, lt=1)
    """Where both thresholds lie; 0.5 is the median."""
    missing: Literal["fail", "drop"] = "fail"
    """Pairs without a confidence: an error that names them, or left out before the thresholds are taken."""

    paper: ClassVar[str] = "D_lc,le of DRDO, appendix D and Table 5"
    needs_confidence: ClassVar[bool] = True

    def keep(self, table: PairTable, seed: int) -> np.ndarray:  # noqa: ARG002  # nothing is drawn
        """Return the indices of the pairs kept, ascending."""
        known, confident, distant = sides(table, self.quantile, self.name, self.missing)
        kept: np.ndarray = known[~confident & ~distant]
        return kept
