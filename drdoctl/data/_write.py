"""Work files -> the artifact's Parquet files: chosen rows in source order, the same bytes every time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import write_via
from drdoctl.data._spool import GROUP_ROWS, schema

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

FLIPPED = "flipped"
"""The column of training pairs that says whose label is not the source's."""


@dataclass(frozen=True)
class Picked:
    """Some rows of one part's work file, in its order."""

    path: Path
    rows: np.ndarray
    """Indices, ascending."""
    flipped: np.ndarray | None = None
    """Which of them have chosen and rejected change places and are marked so; None: there is no such mark. Bool."""
    again: np.ndarray | None = None
    """Which of them change places, where the file holds labels that were turned round before; else `flipped` tells."""


def write_pairs(picked: Picked, path: Path, tokenizers: list[str]) -> str:
    """Write `train.parquet` or `eval.parquet`; return the sha256 over the ids, a line each."""
    import pyarrow as pa

    columns = schema(tokenizers)
    marks, change = picked.flipped, picked.flipped if picked.again is None else picked.again
    if marks is not None:
        columns = columns.append(pa.field(FLIPPED, pa.bool_()))
    sha = hashlib.sha256()
    done = 0

    def convert(table: pa.Table) -> pa.Table:
        nonlocal done
        for ident in table.column("id").to_pylist():
            sha.update(f"{ident}\n".encode())
        here = slice(done, done + table.num_rows)
        done += table.num_rows
        table = table.select([name for name in columns.names if name != FLIPPED])
        if marks is None or change is None:
            return table
        return turned_round(table, change[here]).append_column(FLIPPED, pa.array(marks[here]))

    _write(picked, path, columns, convert)
    return sha.hexdigest()


def turned_round(table: pa.Table, flipped: np.ndarray) -> pa.Table:
    """Return pairs with the labels of some turned round: texts, token ids and scores change places, p becomes 1 - p.

    Edit distance and confidence are about both responses and stay. `flipped`: shape (N,), bool.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not flipped.any():
        return table
    which, made = pa.array(flipped), {name: table.column(name) for name in table.column_names}
    for name, column in made.items():
        if name.endswith("chosen"):
            other = name.removesuffix("chosen") + "rejected"
            changed = pc.if_else(which, table.column(other), column), pc.if_else(which, column, table.column(other))
            made |= dict(zip((name, other), changed, strict=True))
    made["preference"] = pc.if_else(which, pc.subtract(1.0, table.column("preference")), table.column("preference"))
    return pa.table(made, schema=table.schema)


def write_sft(picked: Picked, path: Path, *, reference: bool) -> None:
    """Write `sft.parquet`: what is imitated, the chosen responses or the references."""
    import pyarrow as pa

    texts, ids = pa.string(), pa.list_(pa.int32())
    columns = pa.schema(
        [("id", texts), ("prompt", texts), ("chosen", texts), ("student_prompt", ids), ("student_chosen", ids)],
    )

    def convert(table: pa.Table) -> pa.Table:
        if not reference:
            return table.select(columns.names)
        names = {"reference": "chosen", "student_reference": "student_chosen"}
        return _with_references(table, ["student"]).rename_columns(names).select(columns.names)

    _write(picked, path, columns, convert)


def write_prompts(picked: Picked, path: Path, tokenizers: list[str]) -> None:
    """Write `prompts.parquet`: each prompt as it stands alone, and the reference that students are compared with."""
    import pyarrow as pa

    columns = pa.schema(
        [(name, pa.string()) for name in ("id", "prompt", "reference")]
        + [(f"{who}_{name}", pa.list_(pa.int32())) for name in ("prompt", "reference") for who in tokenizers],
    )
    _write(picked, path, columns, lambda table: _with_references(table, tokenizers).select(columns.names))


def _with_references(table: pa.Table, tokenizers: list[str]) -> pa.Table:
    """Put whole prompts and references in place; a row without a reference of its own takes its chosen response."""
    import pyarrow as pa

    rows = table.to_pylist()
    for row in rows:
        own = row["reference"] is not None
        row["reference"] = row["reference"] if own else row["chosen"]
        for who in tokenizers:
            row[f"{who}_reference"] = row[f"{who}_reference"] or row[f"{who}_chosen"]
            row[f"{who}_prompt"] += row[f"{who}_tail"]
    keep = ["id", "prompt", "reference", *(f"{who}_{name}" for who in tokenizers for name in ("prompt", "reference"))]
    return pa.Table.from_pylist(
        [{name: row[name] for name in keep} for row in rows], pa.schema([table.schema.field(name) for name in keep])
    )


def _write(picked: Picked, path: Path, columns: pa.Schema, convert: Callable[[pa.Table], pa.Table]) -> None:
    import pyarrow.parquet as pq

    def write(beside: Path) -> None:
        with pq.ParquetWriter(beside, columns, compression="zstd") as writer:
            for table in _grouped(picked):
                writer.write_table(convert(table).cast(columns), row_group_size=GROUP_ROWS)

    write_via(path, write)


def _grouped(picked: Picked) -> Iterator[pa.Table]:
    """Yield the picked rows in tables of `GROUP_ROWS`, whatever groups the work file has.

    One group of it is read at a time: `iter_batches` would read many thousands of rows ahead.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    held: list[Any] = []
    count = start = 0
    with pq.ParquetFile(picked.path) as file:
        for group in range(file.num_row_groups):
            rows = file.metadata.row_group(group).num_rows
            low, high = picked.rows.searchsorted([start, start + rows])
            inside = picked.rows[low:high] - start
            start += rows
            if not len(inside):
                continue
            held.append(file.read_row_group(group).take(pa.array(inside)))
            count += len(inside)
            while count >= GROUP_ROWS:
                joined = pa.concat_tables(held)
                yield joined.slice(0, GROUP_ROWS).combine_chunks()
                held, count = [joined.slice(GROUP_ROWS)], count - GROUP_ROWS
    if count:
        yield pa.concat_tables(held).combine_chunks()
