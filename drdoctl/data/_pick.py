"""From the pairs that may be trained on to those that are: the split's steps, then `max_rows`, with statistics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drdoctl.data._choose import drawn
from drdoctl.data._report import raise_no_rows

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.data._ledger import Ledger
    from drdoctl.data._marks import Marks
    from drdoctl.data._read import Request

COLUMNS = ("confidence", "edit_distance", "score_margin", "prompt_tokens", "chosen_tokens", "rejected_tokens")


@dataclass(frozen=True)
class Pairs:
    """Some pairs of one file, with what choices are made from."""

    marks: Marks
    rows: np.ndarray
    """Indices into the file, ascending. Shape (N,)."""
    ids: Sequence[str]
    """Their ids, each read when it is asked for."""
    flipped: np.ndarray | None = None
    """Which labels were turned round before. Shape (N,), bool."""
    oracle_margin: np.ndarray | None = None
    """The oracle's margins, where it scored the pairs. Shape (N,)."""

    def columns(self) -> dict[str, Any]:
        """Return the columns of `splits.PairTable` by name."""
        found: dict[str, Any] = {name: self.marks.numpy(name)[self.rows] for name in COLUMNS}
        keys = self.marks.numpy("ident")[self.rows]
        return {"ids": self.ids, **found, "keys": keys, "oracle_margin": self.oracle_margin}


@dataclass(frozen=True)
class Training:
    """The training pairs."""

    rows: np.ndarray
    """Indices into the file, ascending. Shape (M,)."""
    flipped: np.ndarray | None
    """Which labels are not the source's, shape (M,), bool; None where no step may turn one round."""
    records: list[dict[str, Any]]
    """What each step did."""
    statistics: list[dict[str, Any]]
    """Of all rows, after each step, and after `max_rows`."""


def pick(request: Request, pairs: Pairs, ledger: Ledger) -> Training:
    """Return the training pairs: the steps of `data.split`, then `data.max_rows` drawn with the seed.

    What is left out is counted. Raises UserError where nothing is left.
    """
    data, seed, columns = request.data, request.settings["seed"], pairs.columns()
    made = request.choose(data["split"], columns, seed, pairs.flipped)
    rows, flipped, table = drawn(columns["keys"], made.rows, data["max_rows"], seed), made.flipped, made.table
    if len(rows) < len(made.rows):
        places = made.rows.searchsorted(rows)
        flipped, table = flipped[places], [*table, {"after": "max-rows", **made.among(places)}]
    for name, count in (("split", len(pairs.rows) - len(made.rows)), ("max-rows", len(made.rows) - len(rows))):
        if count:
            ledger.drop("train", name, "", count)
    if not len(rows):
        raise_no_rows("train", ledger, data)
    marked = made.flips or pairs.flipped is not None
    return Training(pairs.rows[rows], flipped if marked else None, made.records, table)
