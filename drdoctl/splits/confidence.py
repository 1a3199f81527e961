"""`confidence`: pairs by how sure their label is."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.splits import PairTable
from drdoctl.splits._known import known_rows
from drdoctl.splits._range import RangeSplit

if TYPE_CHECKING:
    import numpy as np


class Confidence(RangeSplit):
    """Keep pairs by the labeller's confidence, in the source's own units, or by what stands for it."""

    name: Literal["confidence"] = "confidence"
    missing: Literal["fail", "drop"] = "fail"
    """Pairs without a confidence: an error that names them, or left out before quantiles are taken."""

    paper: ClassVar[str] = "half of D_hc,he and D_lc,le of DRDO, appendix D: confidence alone"

    @property
    def needs_confidence(self) -> bool:
        """Rows must carry a confidence, scores, or a preference."""
        return True

    def values(self, table: PairTable) -> tuple[np.ndarray, np.ndarray]:
        """Return the confidences."""
        known = known_rows(table, table.confidence, "confidence", self.name, self.missing)
        return known, table.confidence[known]
