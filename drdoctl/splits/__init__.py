"""Splits: one file an operator that chooses among training pairs (`split: hard`, or a list of steps).

To add one: write `splits/NAME.py` with a class derived from `Split`, and its test. Steps are
applied in order, are seeded, and only ever see the columns of `PairTable`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from drdoctl.core.parts import Optioned, discover

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class PairTable:
    """What a split may look at, one entry a pair. NaN stands for missing; token counts include the end token."""

    ids: Sequence[str]
    """Read when one is asked for: a step names pairs by their ids, it does not go through them."""
    confidence: np.ndarray
    """Labeller's confidence, or what stands for it (score margin, |preference - 1/2|). Shape (N,)."""
    edit_distance: np.ndarray
    """Token-level Levenshtein distance of the two responses over the longer one's length, 0 to 1. Shape (N,)."""
    chosen_tokens: np.ndarray
    rejected_tokens: np.ndarray
    prompt_tokens: np.ndarray | None = None
    """Tokens of the prompt that both responses go on from. Shape (N,)."""
    score_margin: np.ndarray | None = None
    """`score_chosen - score_rejected`. Shape (N,)."""
    keys: np.ndarray | None = None
    """64 bits of each id's hash: what seeded draws go by. Shape (N,), uint64."""
    oracle_margin: np.ndarray | None = None
    """r*(chosen) - r*(rejected), in the oracle's units; only after a stage that scored the pairs. Shape (N,)."""

    def __len__(self) -> int:
        """Return N."""
        return len(self.ids)

    def column(self, name: str) -> np.ndarray:
        """Return a column that must be there; a step says what it needs before it is run."""
        values: np.ndarray | None = getattr(self, name)
        if values is None:
            raise TypeError(f"the pairs have no column {name!r}")
        return values


@dataclass(frozen=True)
class Kept:
    """What a step makes of a table."""

    rows: np.ndarray
    """Indices of the pairs kept, ascending. Shape (M,)."""
    flipped: np.ndarray
    """Which of them have chosen and rejected change places. Shape (M,), bool."""


class Split(Optioned):
    """One step that keeps some of the pairs, and may turn some of their labels round.

    A subclass defines `keep`, or `apply` where labels are turned round.
    """

    paper: ClassVar[str] = ""
    relabels: ClassVar[bool] = False
    """Whether labels become the oracle's; once is enough for a list of steps."""

    @property
    def flips(self) -> bool:
        """Whether the step may turn labels round, as one with its own `apply` may: the rows then say which were."""
        return type(self).apply is not Split.apply

    @property
    def needs_confidence(self) -> bool:
        """Whether rows must carry a confidence (or scores, or a preference)."""
        return False

    @property
    def needs_scores(self) -> bool:
        """Whether rows must carry `score_chosen` and `score_rejected`."""
        return False

    @property
    def needs_oracle(self) -> bool:
        """Whether the pairs must have been scored by the oracle: the step then divides the list of steps."""
        return self.relabels

    def keep(self, table: PairTable, seed: int) -> np.ndarray:
        """Return the indices kept, ascending. Raises UserError where the rows lack what the step needs."""
        raise TypeError(f"split {self.name} keeps nothing")

    def apply(self, table: PairTable, seed: int) -> Kept:
        """Return what is kept, and which labels are turned round."""
        import numpy as np

        rows = self.keep(table, seed)
        return Kept(rows, np.zeros(len(rows), dtype=bool))

    def about(self, rows: int) -> int:
        """Return about how many of so many pairs are kept: what a plan goes by before the data are there."""
        return rows

    @property
    def least(self) -> int:
        """How many pairs there must be for the step to be possible at all."""
        return 0


def splits() -> dict[str, type[Split]]:
    """Return every split by name."""
    return discover(__name__, Split)
