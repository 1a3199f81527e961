"""Splits: one file an operator that chooses among training pairs (`split: hard`, or a list of steps).

To add one: write `splits/NAME.py` with a class derived from `Split`, and its test. Steps are
applied in order, are seeded, and only ever see the columns of `PairTable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from drdoctl.core.parts import Part, discover

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PairTable:
    """What a split may look at, one entry a pair. NaN stands for missing."""

    ids: Sequence[str]
    """Read when one is asked for: a step names pairs by their ids, it does not go through them."""
    confidence: np.ndarray
    """Labeller's confidence, or what stands for it (score margin, |preference - 1/2|). Shape (N,)."""
    edit_distance: np.ndarray
    """Token-level Levenshtein distance of the two responses over the longer one's length, 0 to 1. Shape (N,)."""
    chosen_tokens: np.ndarray
    rejected_tokens: np.ndarray


class Split(Part):
    """One step that keeps some of the pairs."""

    paper: ClassVar[str] = ""
    needs_confidence: ClassVar[bool] = False
    """Whether rows must carry a confidence (or scores, or a preference)."""

    def keep(self, table: PairTable, seed: int) -> np.ndarray:
        """Return the indices kept, ascending. Raises UserError where the rows lack what the step needs."""
        raise TypeError(f"split {self.name} keeps nothing")


def splits() -> dict[str, type[Split]]:
    """Return every split by name."""
    return discover(__name__, Split)
