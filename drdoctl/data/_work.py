"""Single values of a work file, read when they are asked for: messages name a few rows, and no list holds them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


def work_value(path: Path, column: str, row: int) -> str:
    """Return one value of a text column. Reads one row group."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            count = file.metadata.row_group(group).num_rows
            if row < count:
                return str(file.read_row_group(group, columns=[column]).column(column)[row])
            row -= count
    raise IndexError(row)


class WorkIds(Sequence[str]):
    """The ids of some rows of a work file."""

    def __init__(self, path: Path, rows: np.ndarray) -> None:
        """`rows`: indices into the file, shape (N,)."""
        self._path, self._rows = path, rows

    def __len__(self) -> int:
        """Return N."""
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        """Return the id at a place, or those of a slice."""
        if isinstance(place, slice):
            return [self[at] for at in range(len(self))[place]]
        return work_value(self._path, "id", int(self._rows[place]))
