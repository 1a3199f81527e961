"""`relabel`: labels by the oracle in place of the source's."""

from __future__ import annotations

from typing import ClassVar, Literal

from drdoctl.splits import Kept, PairTable, Split


class Relabel(Split):
    """Let the oracle's order be the label; all pairs are kept.

    The oracle is trained on (or, finished, only scores) the pairs as they are before this step, in stages of their own.
    Pairs that it scores alike keep their label. What was turned round is in the rows' column `flipped`.
    """

    name: Literal["relabel"] = "relabel"

    paper: ClassVar[str] = "the relabelled preferences of Fisch et al. (arXiv 2405.19316), section 5"
    relabels: ClassVar[bool] = True

    def apply(self, table: PairTable, seed: int) -> Kept:  # noqa: ARG002  # nothing is drawn
        """Return all pairs; those that the oracle orders otherwise are turned round."""
        import numpy as np

        return Kept(np.arange(len(table)), table.column("oracle_margin") < 0)
