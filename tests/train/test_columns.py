"""Columns of Parquet tables as numpy arrays."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.train.columns import numbers, read


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([pa.array([1.5, 2.5]), pa.array([3.5])]),
        pa.chunked_array([pa.array([1.0, None, 3.0], pa.float32())]),
        pa.chunked_array([], pa.int64()),
        pa.chunked_array([pa.array([True, False]), pa.array([True])]),
        pa.array([[1, 2], [3], []], pa.list_(pa.int32())).slice(1).offsets,
        pa.array([7, 8, 9], pa.int32()).slice(1),
    ],
    ids=["chunks", "missing", "empty", "truth", "offsets", "slice"],
)
def test_numbers_are_those_of_pyarrow(column):
    """Values and type are what pyarrow's own conversion gives."""
    other = column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)
    got = numbers(column)
    np.testing.assert_array_equal(got, other)
    assert got.dtype == other.dtype


def test_a_table_comes_as_it_was_written_and_pandas_is_not_imported(tmp_path):
    """A file's columns come back whole, and neither reading them nor turning them into arrays imports pandas."""
    table = pa.table({"id": ["a", "b"], "margin": [1.0, 2.0]})
    pq.write_table(table, tmp_path / "file.parquet")
    assert read(tmp_path / "file.parquet").equals(table)
    code = (
        "import sys, pathlib; from drdoctl.train.columns import numbers, read;"
        "print(numbers(read(pathlib.Path(sys.argv[1]), ['margin']).column('margin')), 'pandas' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "file.parquet")], capture_output=True, text=True, check=True
    )
    assert said.stdout == "[1. 2.] False\n"
