"""Token ids of a data artifact's rows, read from Parquet without copying them into Python objects."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from drdoctl.train.batches import Item


class Column:
    """One `list<int32>` column as flat values and offsets."""

    def __init__(self, column: Any) -> None:
        """`column`: a pyarrow chunked array of lists."""
        joined = column.combine_chunks()
        chunk = joined.chunk(0) if hasattr(joined, "chunk") else joined
        self.offsets = chunk.offsets.to_numpy()
        self.values = chunk.values.to_numpy(zero_copy_only=False)

    def __getitem__(self, row: int) -> np.ndarray:
        """Return the ids of a row."""
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    @property
    def lengths(self) -> np.ndarray:
        """Return the tokens of every row."""
        return np.diff(self.offsets)


class TokenRows:
    """Rows of one part (`train`, `eval`, `sft`, `prompts`) as one tokenizer sees them.

    `who` is `student` or `oracle`; an oracle that shares the student's tokenizer has no columns of its own.
    """

    def __init__(self, data: Path, part: str, who: str, responses: tuple[str, ...]) -> None:
        """`responses`: which responses an item carries, of `chosen`, `rejected`, `reference`."""
        file = data / f"{part}.parquet"
        names = set(pq.read_schema(file).names)
        prefix = who if f"{who}_prompt" in names else "student"
        wanted = [f"{prefix}_{name}" for name in ("prompt", *responses)]
        table = pq.read_table(file, columns=["id", *wanted], memory_map=True)
        self.ids = table.column("id")
        self.prompt, *self.responses = [Column(table.column(name)) for name in wanted]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.ids)

    def item(self, row: int) -> Item:
        """Return a row's prompt and responses."""
        return self.prompt[row].tolist(), tuple(response[row].tolist() for response in self.responses)

    def items(self, rows: np.ndarray) -> list[Item]:
        """Return many rows."""
        return [self.item(int(row)) for row in rows]

    def names(self, rows: np.ndarray) -> list[str]:
        """Return the rows' ids."""
        return [self.ids[int(row)].as_py() for row in rows]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return each row's unique tokens: prompt once and every response."""
        return self.prompt.lengths + sum(response.lengths for response in self.responses)
