"""Token ids from Parquet."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from drdoctl.train.rows import TokenRows


def write(folder, columns):
    arrays = {name: pa.array(values, pa.list_(pa.int32())) for name, values in columns.items()}
    ids = pa.array([f"r{i}" for i in range(len(next(iter(columns.values()))))])
    pq.write_table(pa.table({"id": ids, **arrays}), folder / "train.parquet", row_group_size=2)


def test_rows_come_back_as_written_over_row_groups(tmp_path):
    """Ids and names of any rows, in any order, across row groups."""
    prompts = [[1, 2], [3], [4, 5, 6], [7], [8]]
    write(
        tmp_path,
        {"student_prompt": prompts, "student_chosen": [[9]] * 5, "student_rejected": [[1], [2, 3], [4], [5], [6]]},
    )
    rows = TokenRows(tmp_path, "train", "student", ("chosen", "rejected"))
    assert len(rows) == 5
    assert rows.items(np.array([4, 1])) == [([8], ([9], [6])), ([3], ([9], [2, 3]))]
    assert rows.names(np.array([2])) == ["r2"]
    assert list(rows.lengths) == [4, 4, 5, 3, 3]


def test_an_oracle_of_its_own_tokenizer_has_its_own_ids(tmp_path):
    """`oracle_*` columns are used where they are, else the student's."""
    columns = {"student_prompt": [[1]], "student_chosen": [[2]]}
    write(tmp_path, columns)
    assert TokenRows(tmp_path, "train", "oracle", ("chosen",)).item(0) == ([1], ([2],))
    write(tmp_path, {**columns, "oracle_prompt": [[30]], "oracle_chosen": [[31]]})
    assert TokenRows(tmp_path, "train", "oracle", ("chosen",)).item(0) == ([30], ([31],))
    assert TokenRows(tmp_path, "train", "student", ("chosen",)).item(0) == ([1], ([2],))
