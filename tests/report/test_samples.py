"""Sampled responses by way of sampling."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from drdoctl.report.samples import read_samples


def test_ways_are_read_apart(tmp_path):
    """Each way has its ids, numbers with NaN for what is missing, and whole rows by id."""
    table = {
        "id": ["a", "b", "a"],
        "sampling": ["t0", "t0", "reference"],
        "temperature": [0.0, 0.0, None],
        "response": ["x", "y", "z"],
        "oracle": [1.0, None, 3.0],
        "part": ["test", "validation", "test"],
    }
    pq.write_table(pa.table(table), tmp_path / "samples.parquet")
    ways = read_samples(tmp_path)
    assert list(ways) == ["t0", "reference"]
    assert (ways["t0"].ids, ways["t0"].temperature, ways["reference"].temperature) == (["a", "b"], 0.0, None)
    assert np.array_equal(ways["t0"].numbers("oracle"), [1.0, np.nan], equal_nan=True)
    assert ways["t0"].numbers("truth.reward") is None
    assert ways["t0"].row("b")["response"] == "y"
    assert ways["t0"].read.tolist() == [0]


def test_nothing_sampled_is_no_way(tmp_path):
    """Without a file there is no way."""
    assert read_samples(tmp_path) == {}
