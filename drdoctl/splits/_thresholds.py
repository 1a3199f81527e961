"""What `easy` and `hard` share: thresholds on confidence and edit distance, at a quantile or at a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drdoctl.splits import PairTable, Split
from drdoctl.splits._known import known_rows

if TYPE_CHECKING:
    import numpy as np


class ThresholdSplit(Split):
    """Keep the pairs that lie on one side of both thresholds."""

    quantile: float = Field(default=0.5, gt=0, lt=1)
    """Where both thresholds lie; 0.5 is the median."""
    missing: Literal["fail", "drop"] = "fail"
    """Pairs without a confidence: an error that names them, or left out before the thresholds are taken."""
    by: Literal["rows", "oracle"] = "rows"
    """Whose confidence: the rows' own, or the oracle's: the size of its margin. An oracle scores the pairs in a stage
    of its own first."""
    confidence_quantile: float | None = Field(default=None, gt=0, lt=1)
    """Where the confidence's threshold lies; without it, `quantile`."""
    edit_distance_quantile: float | None = Field(default=None, gt=0, lt=1)
    """Where the edit distance's threshold lies; without it, `quantile`."""
    confidence: float | None = None
    """The confidence's threshold itself, in its own units, in place of a quantile."""
    edit_distance: float | None = Field(default=None, ge=0, le=1)
    """The edit distance's threshold itself, in place of a quantile."""

    later: ClassVar[tuple[str, ...]] = (
        "by",
        "confidence_quantile",
        "edit_distance_quantile",
        "confidence",
        "edit_distance",
    )
    above: ClassVar[bool]
    """Keep what is at or above both thresholds, or what is below both."""

    @property
    def needs_confidence(self) -> bool:
        """Whether the rows' own confidence decides."""
        return self.by == "rows"

    @property
    def needs_oracle(self) -> bool:
        """Whether the oracle's margin decides."""
        return self.by == "oracle"

    def idle(self) -> dict[str, str]:
        """Return the quantiles that another option stands in for."""
        found = {
            f"{name}_quantile": f"with `{name}`, a threshold itself"
            for name in ("confidence", "edit_distance")
            if getattr(self, name) is not None
        }
        own = [
            any(getattr(self, f"{name}{end}") is not None for end in ("", "_quantile"))
            for name in ("confidence", "edit_distance")
        ]
        if all(own):
            found["quantile"] = "where confidence and edit distance have thresholds of their own"
        if self.by == "oracle":
            found["missing"] = "with `by: oracle`, whose margin every pair has"
        return found

    def about(self, rows: int) -> int:
        """Two criteria that are cut each on its own keep the product of their shares; a value is taken for a median."""
        shares = [
            0.5 if getattr(self, name) is not None else getattr(self, f"{name}_quantile") or self.quantile
            for name in ("confidence", "edit_distance")
        ]
        kept = [1 - share if self.above else share for share in shares]
        return round(rows * kept[0] * kept[1])

    def keep(self, table: PairTable, seed: int) -> np.ndarray:  # noqa: ARG002  # nothing is drawn
        """Return the indices of the pairs kept, ascending."""
        import numpy as np

        sure = np.abs(table.column("oracle_margin")) if self.by == "oracle" else table.confidence
        known = known_rows(table, sure, "confidence", self.name, self.missing)
        if not known.size:
            return known
        confident = self._beyond(sure[known], "confidence")
        distant = self._beyond(table.edit_distance[known], "edit_distance")
        kept: np.ndarray = known[confident & distant if self.above else ~confident & ~distant]
        return kept

    def _beyond(self, values: np.ndarray, name: str) -> np.ndarray:
        """Return which values are at or above the threshold."""
        import numpy as np

        threshold = getattr(self, name)
        if threshold is None:
            threshold = np.quantile(values, getattr(self, f"{name}_quantile") or self.quantile)
        return np.asarray(values >= threshold)
