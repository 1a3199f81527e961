"""Split steps, one after the other, with the figures of Table 5 before and after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from drdoctl.splits import PairTable, splits
from drdoctl.splits._statistics import statistics

if TYPE_CHECKING:
    import numpy as np

SWAPPED = ("chosen_tokens", "rejected_tokens")
NEGATED = ("score_margin", "oracle_margin")


class Outcome(NamedTuple):
    """What the steps leave."""

    rows: np.ndarray
    """Indices of the pairs that all steps keep, ascending."""
    flipped: np.ndarray
    """Which of their labels are not the source's. Shape (M,), bool."""
    records: list[dict[str, Any]]
    """One for each step: the step, rows before and kept, statistics before and after."""
    table: list[dict[str, Any]]
    """Statistics of all rows, and after each step; `after` names it."""
    flips: bool
    """Whether some step may turn labels round."""
    left: PairTable
    """The pairs that are left, as they are then."""

    def among(self, places: np.ndarray) -> dict[str, Any]:
        """Return the statistics of some of the pairs left, by their places among them, ascending."""
        return statistics(_taken(self.left, places), self.flipped[places])


def apply_steps(
    steps: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Any],
    seed: int,
    flipped: np.ndarray | None = None,
) -> Outcome:
    """Return what all steps keep and turn round, a record of each step, and the table of statistics.

    `steps` are the spec's, plain; `columns` are `PairTable`'s, by name; `flipped`: which labels were turned round
    before, shape (N,).
    """
    import numpy as np

    table = PairTable(**columns)
    known = splits()
    left = np.arange(len(table))
    turned = np.zeros(len(table), dtype=bool) if flipped is None else flipped.copy()
    now = table
    rows = [{"after": "all rows", **statistics(now, turned)}]
    records = []
    made = [known[plain["name"]].model_validate(plain) for plain in steps]
    for plain, step in zip(steps, made, strict=True):
        kept = step.apply(now, seed)
        left, turned = left[kept.rows], turned[kept.rows] ^ kept.flipped
        now = _taken(now, kept.rows, kept.flipped)
        rows.append({"after": step.name, **statistics(now, turned)})
        before, after = ({name: value for name, value in row.items() if name != "after"} for row in rows[-2:])
        records.append(
            {"step": dict(plain), "rows": before["rows"], "kept": len(left), "before": before, "after": after}
        )
    return Outcome(left, turned, records, rows, any(step.flips for step in made), now)


class _Some(Sequence[str]):
    """Some of many ids, each looked up when it is asked for: a million texts would take a hundred times the indices."""

    def __init__(self, ids: Sequence[str], rows: np.ndarray) -> None:
        self._ids, self._rows = ids, rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self._ids[int(row)] for row in self._rows[place]]
        return self._ids[int(self._rows[place])]


def _taken(table: PairTable, rows: np.ndarray, flipped: np.ndarray | None = None) -> PairTable:
    """Return some pairs of a table, those in `flipped` with chosen and rejected in each other's place."""
    import numpy as np

    columns = {name: values for name, values in vars(table).items() if name != "ids" and values is not None}
    columns = {name: values[rows] for name, values in columns.items()}
    if flipped is not None and flipped.any():
        first, second = (columns[name] for name in SWAPPED)
        columns |= dict(zip(SWAPPED, (np.where(flipped, second, first), np.where(flipped, first, second)), strict=True))
        columns |= {name: np.where(flipped, -columns[name], columns[name]) for name in NEGATED if name in columns}
    return PairTable(ids=_Some(table.ids, rows), **columns)
