"""Split steps, one after the other, with the figures of Table 5 before and after each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drdoctl.splits import PairTable, splits

if TYPE_CHECKING:
    import numpy as np


def apply_steps(
    steps: Sequence[Mapping[str, Any]],
    columns: Mapping[str, Any],
    seed: int,
) -> tuple[np.ndarray, list[dict[str, Any]]]:
    """Return the indices that all steps keep, ascending, and a record of each step.

    `steps` are the spec's, plain; `columns` are `PairTable`'s, by name.
    """
    import numpy as np

    table = PairTable(**columns)
    known = splits()
    left = np.arange(len(table.ids))
    records = []
    for plain in steps:
        step = known[plain["name"]].model_validate(plain)
        before, rows = _rows(table, left), len(left)
        left = left[step.keep(before, seed)]
        after = _rows(table, left)
        records.append(
            {"step": dict(plain), "rows": rows, "kept": len(left), "before": _means(before), "after": _means(after)}
        )
    return left, records


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


def _rows(table: PairTable, rows: np.ndarray) -> PairTable:
    return PairTable(
        ids=_Some(table.ids, rows),
        confidence=table.confidence[rows],
        edit_distance=table.edit_distance[rows],
        chosen_tokens=table.chosen_tokens[rows],
        rejected_tokens=table.rejected_tokens[rows],
    )


def _means(table: PairTable) -> dict[str, float | None]:
    """Return mean and median of confidence and edit distance; a median is where `easy` and `hard` part."""
    import numpy as np

    found: dict[str, float | None] = {}
    for name in ("confidence", "edit_distance"):
        values = getattr(table, name)
        values = values[~np.isnan(values)]
        found[f"mean_{name}"] = round(float(values.mean()), 6) if values.size else None
        found[f"median_{name}"] = round(float(np.median(values)), 6) if values.size else None
    return found
