"""From the pairs that may be trained on to those that are: the split's steps, then `max_rows`, with statistics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drdoctl.data._choose import drawn

if TYPE_CHECKING:
    import numpy as np

    from drdoctl.data._marks import Marks
    from drdoctl.data._read import Choose

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
    after_split: int
    """How many pairs the steps left, before `max_rows`."""
    records: list[dict[str, Any]]
    """What each step did."""
    statistics: list[dict[str, Any]]
    """Of all rows, after each step, and after `max_rows`."""


def pick(choose: Choose, data: Mapping[str, Any], seed: int, pairs: Pairs) -> Training:
    """Return the training pairs: the steps of `data["split"]`, then `data["max_rows"]` drawn with the seed."""
    import numpy as np

    columns = pairs.columns()
    made = choose(data["split"], columns, seed, pairs.flipped)
    rows, flipped, table = made.rows, made.flipped, list(made.table)
    drawn_rows = drawn(columns["keys"], rows, data["max_rows"], seed)
    if len(drawn_rows) < len(rows):
        turned = np.zeros(len(pairs.rows), dtype=bool)
        turned[rows[flipped]] = True
        flipped = turned[drawn_rows]
        table.append({**statistics(choose, pairs, drawn_rows, flipped), "after": "max-rows"})
    marked = made.flips or pairs.flipped is not None
    return Training(pairs.rows[drawn_rows], flipped if marked else None, len(rows), made.records, table)


def statistics(
    choose: Choose, pairs: Pairs, places: np.ndarray | None = None, flipped: np.ndarray | None = None
) -> dict[str, Any]:
    """Return the statistics of pairs as they are, or of those at some places, with labels as `flipped` has them."""
    import numpy as np

    columns = pairs.columns()
    if places is None or flipped is None:
        return dict(choose([], columns, 0).table[0])
    # nothing without a step asks for an id
    columns = {name: values[places] for name, values in columns.items() if name != "ids" and values is not None}
    columns["ids"] = range(len(places))
    first, second = columns["chosen_tokens"], columns["rejected_tokens"]
    now = flipped if pairs.flipped is None else flipped ^ pairs.flipped[places]
    columns |= {"chosen_tokens": np.where(now, second, first), "rejected_tokens": np.where(now, first, second)}
    return dict(choose([], columns, 0, flipped).table[0])
