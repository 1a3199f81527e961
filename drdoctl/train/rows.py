"""Token ids of a data artifact's rows, read a few rows at a time: memory holds their lengths and names alone."""

from __future__ import annotations

import os
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from drdoctl.core.files import disk_errors
from drdoctl.train.batches import Item
from drdoctl.train.columns import numbers, read


def flat(columns: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return lists of ids row by row, and their lengths. Shapes (T,) int32 and (N, C) int32.

    `columns`: C pyarrow arrays of N lists. A row's lists lie side by side, in the order of the columns.
    """
    offsets = [numbers(column.offsets) for column in columns]
    lengths = np.stack([np.diff(each) for each in offsets], axis=1).astype(np.int32)
    ends = lengths.ravel().astype(np.int64).cumsum().reshape(lengths.shape)
    out = np.empty(int(lengths.sum()), dtype=np.int32)
    for place, (column, starts) in enumerate(zip(columns, offsets, strict=True)):
        counts = lengths[:, place]
        shift = np.repeat(ends[:, place] - counts - starts[:-1], counts)
        out[np.arange(starts[0], starts[-1]) + shift] = numbers(column.values)[starts[0] : starts[-1]]
    return out, lengths


class Shelf:
    """Some columns of ids of a Parquet file, laid out for reading any row: a file that has no name and ends with us.

    Shuffled rows cannot be read from Parquet one by one, and all ids in memory would take kilobytes a row.
    """

    def __init__(self, file: Path, columns: list[str]) -> None:
        """`columns`: names of `list<int32>` columns. The file lies on the store's disk, 4 bytes a token."""
        parts = [np.empty((0, len(columns)), dtype=np.int32)]
        with disk_errors(file), pq.ParquetFile(file) as source:
            self._file = tempfile.TemporaryFile(dir=file.parent.parent)  # noqa: SIM115 -- ours for life
            for group in range(source.num_row_groups):
                table = source.read_row_group(group, columns=columns, use_threads=False)
                ids, lengths = flat([_whole(table.column(name)) for name in columns])
                parts.append(lengths)
                self._file.write(ids.tobytes())
            self._file.flush()
        self.lengths = np.concatenate(parts)
        """Shape (N, C)."""
        self._starts = np.concatenate([[0], self.lengths.sum(axis=1, dtype=np.int64).cumsum()])

    def row(self, row: int) -> list[list[int]]:
        """Return a row's ids, column by column."""
        start, end = int(self._starts[row]), int(self._starts[row + 1])
        size = np.dtype(np.int32).itemsize
        ids = np.frombuffer(os.pread(self._file.fileno(), (end - start) * size, start * size), dtype=np.int32).tolist()
        out, at = [], 0
        for length in self.lengths[row].tolist():
            out.append(ids[at : at + length])
            at += length
        return out


def _whole(column: Any) -> Any:
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


class TokenRows:
    """Rows of one part (`train`, `eval`, `sft`, `prompts`) as one tokenizer sees them.

    `who` is `student` or `oracle`; an oracle that shares the student's tokenizer has no columns of its own.
    """

    def __init__(self, data: Path, part: str, who: str, responses: tuple[str, ...]) -> None:
        """`responses`: which responses an item carries, of `chosen`, `rejected`, `reference`."""
        file = data / f"{part}.parquet"
        names = set(pq.read_schema(file).names)
        prefix = who if f"{who}_prompt" in names else "student"
        self._shelf = Shelf(file, [f"{prefix}_{name}" for name in ("prompt", *responses)])
        self.ids = read(file, columns=["id"]).column("id")
        self.response_lengths = self._shelf.lengths[:, 1:]
        """Tokens of each row's responses, end tokens included. Shape (N, len(responses))."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.ids)

    def item(self, row: int) -> Item:
        """Return a row's prompt and responses."""
        prompt, *responses = self._shelf.row(row)
        return prompt, tuple(responses)

    def items(self, rows: np.ndarray) -> list[Item]:
        """Return many rows."""
        return [self.item(int(row)) for row in rows]

    def names(self, rows: np.ndarray) -> list[str]:
        """Return the rows' ids."""
        return [self.ids[int(row)].as_py() for row in rows]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Return each row's unique tokens: prompt once and every response. Shape (N,)."""
        lengths: np.ndarray = self._shelf.lengths.sum(axis=1, dtype=np.int32)
        return lengths


class MismatchedRows:
    """Each row's prompt before the responses of its partner: what the policy thinks of answers to something else.

    No sequence becomes longer than the longest of the rows themselves: what would stand beyond is cut off.
    """

    def __init__(self, rows: TokenRows, partners: np.ndarray) -> None:
        """`partners`: for each row the one whose responses it gets, shape (N,)."""
        self._rows, self._partners = rows, partners
        self.ids = rows.ids
        prompts = rows.lengths - rows.response_lengths.sum(axis=1, dtype=np.int32)
        self._room = (prompts + rows.response_lengths.max(axis=1)).max() - prompts
        self.response_lengths = np.minimum(rows.response_lengths[partners], self._room[:, None])
        """Tokens of the responses as they are used. Shape (N, responses)."""
        self.lengths: np.ndarray = prompts + self.response_lengths.sum(axis=1, dtype=np.int32)
        """Each row's unique tokens. Shape (N,)."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def items(self, rows: np.ndarray) -> list[Item]:
        """Return the prompts of these rows, each with its partner's responses."""
        found = []
        for row in rows:
            responses = self._rows.item(int(self._partners[row]))[1]
            kept = tuple(response[: int(self._room[row])] for response in responses)
            found.append((self._rows.item(int(row))[0], kept))
        return found

    def names(self, rows: np.ndarray) -> list[str]:
        """Return the ids of the rows whose prompts these are."""
        return self._rows.names(rows)


class SampledRows:
    """Rows whose prompts have further responses, of a file whose columns are `response_0` …: those of the reference."""

    def __init__(self, rows: TokenRows, file: Path, count: int) -> None:
        """`file`: in the rows' order; `count`: its responses to each prompt."""
        self._rows = rows
        self._shelf = Shelf(file, [f"response_{place}" for place in range(count)])
        self.lengths: np.ndarray = rows.lengths + self._shelf.lengths.sum(axis=1, dtype=np.int32)
        """Each row's unique tokens. Shape (N,)."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self._rows)

    def items(self, rows: np.ndarray) -> list[Item]:
        """Return many rows, the further responses last."""
        known = zip(rows, self._rows.items(rows), strict=True)
        return [(prompt, (*own, *self._shelf.row(int(row)))) for row, (prompt, own) in known]

    def names(self, rows: np.ndarray) -> list[str]:
        """Return the rows' ids."""
        return self._rows.names(rows)
