"""Work files: read a row group at a time, and single values without the others."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.data._spool import GROUP_ROWS
from drdoctl.data._work import WorkIds, work_value
from drdoctl.data._write import Picked, _grouped

ROWS = 5000
GROUP = 300


@pytest.fixture
def work(tmp_path):
    """Return a work file of many small row groups."""
    path = tmp_path / "train.parquet"
    table = pa.table({"id": [f"r{i}" for i in range(ROWS)], "ids": [[i, i + 1] for i in range(ROWS)]})
    pq.write_table(table, path, row_group_size=GROUP)
    return path


def test_a_value_is_found_in_its_row_group(work):
    """Ids and places are read by their row, those of a choice by its own numbering."""
    assert [work_value(work, "id", row) for row in (0, GROUP - 1, GROUP, ROWS - 1)] == ["r0", "r299", "r300", "r4999"]
    some = WorkIds(work, np.array([7, 4000, 4001]))
    assert (len(some), some[1], some[1:]) == (3, "r4000", ["r4000", "r4001"])
    with pytest.raises(IndexError):
        work_value(work, "id", ROWS)


def test_picked_rows_come_in_whole_groups(work):
    """The picked rows come in order, in tables of a fixed size but for the last, whatever groups the file has."""
    rows = np.flatnonzero(np.arange(ROWS) % 3 != 1)
    tables = list(_grouped(Picked(work, rows)))
    assert [table.num_rows for table in tables[:-1]] == [GROUP_ROWS] * (len(rows) // GROUP_ROWS)
    assert [row for table in tables for row in table.column("id").to_pylist()] == [f"r{row}" for row in rows]


def test_a_few_groups_are_held_at_once(work, monkeypatch):
    """However long the file is, no more than what makes one table is in memory; groups without a row are not read."""
    held = before = pa.total_allocated_bytes()
    read: list[int] = []
    whole = pq.ParquetFile.read_row_group

    def counted(self, group, **named):
        nonlocal held
        read.append(group)
        held = max(held, pa.total_allocated_bytes())
        return whole(self, group, **named)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    for _ in _grouped(Picked(work, np.arange(ROWS))):
        pass
    assert held - before < pq.read_table(work).nbytes
    read.clear()
    list(_grouped(Picked(work, np.array([0, 4999]))))
    assert read == [0, ROWS // GROUP]
