"""`all`: every pair (the papers' D_all)."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.splits import PairTable, Split

if TYPE_CHECKING:
    import numpy as np


class All(Split):
    """Keep every pair."""

    name: Literal["all"] = "all"

    paper: ClassVar[str] = "D_all of DRDO, section 5"

    def keep(self, table: PairTable, seed: int) -> np.ndarray:  # noqa: ARG002  # nothing is drawn
        """Return all indices."""
        import numpy as np

        return np.arange(len(table.ids))
