"""Parquet tables, and their columns as numpy arrays, without pandas.

pyarrow imports pandas, wherever it is installed, for `read_table` (with `pyarrow.dataset`) and for `to_numpy`: half a
second and 50 MiB for every process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def read(file: Path | pa.NativeFile, columns: Sequence[str] | None = None) -> pa.Table:
    """Return a Parquet file's table, or some of its columns."""
    with pq.ParquetFile(file) as source:
        return source.read(columns=columns, use_threads=False)


def numbers(column: Any) -> np.ndarray:
    """Return a pyarrow column of numbers or truth values, shape (N,); a missing float is NaN."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if whole.null_count:
        whole = whole.fill_null(math.nan)
    if pa.types.is_boolean(whole.type):
        return np.from_dlpack(whole.cast(pa.uint8())).astype(bool)
    return np.from_dlpack(whole)
