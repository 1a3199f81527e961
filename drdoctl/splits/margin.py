"""`margin`: pairs by how far their two scores lie apart, as the rows say or as the oracle does."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.splits import PairTable
from drdoctl.splits._known import known_rows
from drdoctl.splits._range import RangeSplit

if TYPE_CHECKING:
    import numpy as np


class Margin(RangeSplit):
    """Keep pairs by the distance of their two scores, whichever is the higher one."""

    name: Literal["margin"] = "margin"
    by: Literal["scores", "oracle"] = "scores"
    """Whose scores: the rows' `score_chosen` and `score_rejected`, or the oracle's rewards, in its own units."""
    missing: Literal["fail", "drop"] = "fail"
    """Pairs without scores: an error that names them, or left out before quantiles are taken."""

    paper: ClassVar[str] = "near ties and clear cases of DRDO, section 5, by score in place of confidence"

    @property
    def needs_scores(self) -> bool:
        """Whether the rows' own scores decide."""
        return self.by == "scores"

    @property
    def needs_oracle(self) -> bool:
        """Whether the oracle's rewards decide."""
        return self.by == "oracle"

    def idle(self) -> dict[str, str]:
        """Every pair has the oracle's margin."""
        return {"missing": "with `by: oracle`, whose margin every pair has"} if self.by == "oracle" else {}

    def values(self, table: PairTable) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances of the scores."""
        import numpy as np

        margins = np.abs(table.column("oracle_margin" if self.by == "oracle" else "score_margin"))
        known = known_rows(table, margins, "scores", self.name, self.missing)
        return known, margins[known]
