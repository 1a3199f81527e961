"""`edit-distance`: pairs by how much their two responses differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.splits import PairTable
from drdoctl.splits._range import RangeSplit

if TYPE_CHECKING:
    import numpy as np


class EditDistance(RangeSplit):
    """Keep pairs by the tokens' Levenshtein distance over the longer response's length, 0 to 1."""

    name: Literal["edit-distance"] = "edit-distance"

    paper: ClassVar[str] = "half of D_hc,he and D_lc,le of DRDO, appendix D: edit distance alone"

    def values(self, table: PairTable) -> tuple[np.ndarray, np.ndarray]:
        """Return the distances; every pair has one."""
        import numpy as np

        return np.arange(len(table)), table.edit_distance
