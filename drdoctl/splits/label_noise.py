"""`label-noise`: some labels turned round, drawn with the seed."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from drdoctl.core.chance import first, share
from drdoctl.splits import Kept, PairTable, Split
from drdoctl.splits._draw import NOISE, lots


class LabelNoise(Split):
    """Turn the labels of a share of the pairs round; all pairs are kept.

    Exactly `fraction` of the pairs, rounded to a whole number, halves up; the pairs of a smaller fraction are among
    those of a larger one. What was turned round is in the rows' column `flipped`.
    """

    name: Literal["label-noise"] = "label-noise"
    fraction: float = Field(gt=0, le=1)
    """Share of the labels that are turned round."""
    draw: int = Field(default=0, ge=0)
    """Another number draws other pairs, with the spec's seed as it is."""

    paper: ClassVar[str] = "the noise that cDPO and robust DPO (arXiv 2403.00409) correct for"

    def apply(self, table: PairTable, seed: int) -> Kept:
        """Return all pairs; those with the smallest lots are turned round."""
        import numpy as np

        rows = np.arange(len(table))
        flipped = np.zeros(len(rows), dtype=bool)
        flipped[first(lots(table, seed, NOISE, self.draw), rows, share(self.fraction, len(rows)))] = True
        return Kept(rows, flipped)
