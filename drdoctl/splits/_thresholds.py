"""What `easy` and `hard` share: thresholds on confidence and edit distance at a quantile."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.core.errors import UserError
from drdoctl.splits import PairTable, Split

if TYPE_CHECKING:
    import numpy as np

NAMED_ROWS = 5


class ThresholdSplit(Split):
    """Keep the pairs that lie on one side of both thresholds."""

    quantile: float = Field(default=0.5, gt=0, lt=1)
    """Where both thresholds lie; 0.5 is the median."""
    missing: Literal["fail", "drop"] = "fail"
    """Pairs without a confidence: an error that names them, or left out before the thresholds are taken."""

    needs_confidence: ClassVar[bool] = True
    above: ClassVar[bool]
    """Keep what is at or above both thresholds, or what is below both."""

    def keep(self, table: PairTable, seed: int) -> np.ndarray:  # noqa: ARG002  # nothing is drawn
        """Return the indices of the pairs kept, ascending."""
        known, confident, distant = sides(table, self.quantile, self.name, self.missing)
        kept: np.ndarray = known[confident & distant if self.above else ~confident & ~distant]
        return kept


def sides(table: PairTable, quantile: float, split: str, missing_rows: str) -> tuple[np.ndarray, ...]:
    """Return the pairs with a confidence, and which of them are confident, and distant, at or above the quantile.

    Shapes (M,): indices, bool, bool.

    Raises `UserError` where a pair has no confidence and `missing_rows` is not `drop`: leaving it out in silence would
    make another split.
    """
    import numpy as np

    missing = np.flatnonzero(np.isnan(table.confidence))
    if missing.size and missing_rows != "drop":
        named = ", ".join(f"`{table.ids[int(row)]}`" for row in missing[:NAMED_ROWS])
        more = f" and {missing.size - NAMED_ROWS:,} more" if missing.size > NAMED_ROWS else ""
        raise UserError(
            f"split `{split}` needs a confidence for every pair, and {missing.size:,} of {len(table.ids):,} have none: "
            f"{named}{more}",
            code="missing-confidence",
            hint="give the rows `confidence`, `score_chosen` and `score_rejected`, or `preference` "
            f"(rename with `data.columns`); or leave them out with `data.split: {{name: {split}, missing: drop}}`",
        )
    known = np.flatnonzero(~np.isnan(table.confidence))
    if not known.size:
        return known, known.astype(bool), known.astype(bool)
    confidence, distance = table.confidence[known], table.edit_distance[known]
    return known, confidence >= np.quantile(confidence, quantile), distance >= np.quantile(distance, quantile)
