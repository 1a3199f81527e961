"""`length-bias`: relabelled pairs in which the longer response is preferred in a given share."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from drdoctl.core.chance import first, share
from drdoctl.core.errors import UserError
from drdoctl.splits import Kept, PairTable, Split
from drdoctl.splits._draw import LENGTH_BIAS, lots
from drdoctl.splits._statistics import LONGER_BY, longer_chosen


class LengthBias(Split):
    """Relabel all pairs by the oracle, then draw pairs of which a share `rho` prefers the longer response.

    Longer means at least 10 % more tokens (end token included). The paper selects pairs "such that the longer output
    is preferred in rho fraction of examples"; pairs of like length have no longer output, so none of them is drawn.
    Exactly `rho * size` pairs, rounded to a whole number, halves up, prefer the longer response, and all others the
    shorter one. Pairs that the oracle scores alike keep their label.
    """

    name: Literal["length-bias"] = "length-bias"
    rho: float = Field(ge=0, le=1)
    """Share of the pairs in which the longer response is preferred."""
    size: int = Field(default=30_000, ge=1)
    """How many pairs are drawn. Where there are too few, the error says how many there can be."""
    draw: int = Field(default=0, ge=0)
    """Another number draws other pairs, with the spec's seed as it is."""

    paper: ClassVar[str] = "D_rho of Fisch et al. (arXiv 2405.19316), section 5: rho 0.2 to 0.8, 30,000 pairs"
    relabels: ClassVar[bool] = True

    def about(self, rows: int) -> int:
        """Return the size, as far as there are rows."""
        return min(rows, self.size)

    @property
    def least(self) -> int:
        """As many as are drawn."""
        return self.size

    def apply(self, table: PairTable, seed: int) -> Kept:
        """Return the pairs drawn, and which of them the oracle turned round.

        Raises `UserError` where there are too few on one side.
        """
        import numpy as np

        flipped = table.column("oracle_margin") < 0
        chosen = np.where(flipped, table.rejected_tokens, table.chosen_tokens)
        rejected = np.where(flipped, table.chosen_tokens, table.rejected_tokens)
        longer, shorter = (np.flatnonzero(side) for side in longer_chosen(chosen, rejected))
        wanted = share(self.rho, self.size)
        if wanted > len(longer) or self.size - wanted > len(shorter):
            raise self._too_few(len(table), len(longer), len(shorter))
        by_lot = lots(table, seed, LENGTH_BIAS, self.draw)
        rows = np.sort(np.concatenate([first(by_lot, longer, wanted), first(by_lot, shorter, self.size - wanted)]))
        return Kept(rows, flipped[rows])

    def _too_few(self, rows: int, longer: int, shorter: int) -> UserError:
        most = largest(self.rho, longer, shorter)
        return UserError(
            f"split `length-bias` cannot draw {self.size:,} pairs with rho {self.rho:g}: of {rows:,} relabelled pairs "
            f"{longer:,} prefer a response that is longer by {LONGER_BY:.0%} or more, and {shorter:,} one that is "
            "shorter",
            code="too-few-pairs",
            hint=f"with rho {self.rho:g} there are enough for `size: {most}`"
            if most
            else "there are none on the side that this rho asks for: take another `rho`, or more pairs",
        )


def largest(rho: float, longer: int, shorter: int) -> int:
    """Return the largest size whose rounded share of `rho` and whose rest there are enough pairs for."""
    low, high = 0, longer + shorter
    while low < high:
        size = (low + high + 1) // 2
        wanted = share(rho, size)
        low, high = (size, high) if wanted <= longer and size - wanted <= shorter else (low, size - 1)
    return low
