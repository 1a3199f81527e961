"""Token ids from Parquet."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.train.rows import MismatchedRows, TokenRows, flat


def write(folder, columns, group=2):
    arrays = {name: pa.array(values, pa.list_(pa.int32())) for name, values in columns.items()}
    ids = pa.array([f"r{i}" for i in range(len(next(iter(columns.values()))))])
    pq.write_table(pa.table({"id": ids, **arrays}), folder / "train.parquet", row_group_size=group)


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
    assert rows.response_lengths.tolist() == [[1, 1], [1, 2], [1, 1], [1, 1], [1, 1]]


def test_an_oracle_of_its_own_tokenizer_has_its_own_ids(tmp_path):
    """`oracle_*` columns are used where they are, else the student's."""
    columns = {"student_prompt": [[1]], "student_chosen": [[2]]}
    write(tmp_path, columns)
    assert TokenRows(tmp_path, "train", "oracle", ("chosen",)).item(0) == ([1], ([2],))
    write(tmp_path, {**columns, "oracle_prompt": [[30]], "oracle_chosen": [[31]]})
    assert TokenRows(tmp_path, "train", "oracle", ("chosen",)).item(0) == ([30], ([31],))
    assert TokenRows(tmp_path, "train", "student", ("chosen",)).item(0) == ([1], ([2],))


def test_a_prompt_before_another_rows_responses(tmp_path):
    """Partners' responses follow the prompts, cut where they would be longer than the longest sequence there is."""
    prompts, chosen, rejected = [[1, 2], [3], [4, 5, 6]], [[7], [8, 9], [10]], [[11, 12, 13, 14], [15], [16]]
    write(tmp_path, {"student_prompt": prompts, "student_chosen": chosen, "student_rejected": rejected})
    rows = MismatchedRows(TokenRows(tmp_path, "train", "student", ("chosen", "rejected")), np.array([1, 2, 0]))
    found = rows.items(np.array([2, 0, 1]))
    assert found == [([4, 5, 6], ([7], [11, 12, 13])), ([1, 2], ([8, 9], [15])), ([3], ([10], [16]))]
    assert rows.lengths.tolist() == [5, 3, 7]
    assert rows.response_lengths.tolist() == [[2, 1], [1, 1], [1, 3]]
    assert (len(rows), rows.names(np.array([2]))) == (3, ["r2"])


IDS = st.lists(st.integers(0, 9), max_size=4)


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=9), st.integers(0, 3))
def test_lists_are_laid_side_by_side(rows, skipped):
    """A row's lists follow each other, the next row's come after; a slice of a longer array is no different."""
    columns = [[row[place] for row in rows] for place in (0, 1)]
    arrays = [pa.array([[7]] * skipped + column, pa.list_(pa.int32())).slice(skipped) for column in columns]
    ids, lengths = flat(arrays)
    assert ids.tolist() == [ident for row in rows for part in row for ident in part]
    assert lengths.tolist() == [[len(part) for part in row] for row in rows]


def test_ids_of_many_rows_are_not_in_memory(tmp_path):
    """What is held after reading is lengths and names: a small part of what the ids take."""
    count, width = 4000, 100
    prompts = np.arange(count * width, dtype=np.int32).reshape(count, width)
    write(tmp_path, {"student_prompt": list(prompts), "student_chosen": list(prompts[:, :50])}, group=512)
    before = pa.total_allocated_bytes()
    rows = TokenRows(tmp_path, "train", "student", ("chosen",))
    arrays = [each for each in vars(rows._shelf).values() if isinstance(each, np.ndarray)]
    assert pa.total_allocated_bytes() - before + sum(each.nbytes for each in arrays) < prompts.nbytes / 8
    assert rows.item(3999) == (prompts[3999].tolist(), (prompts[3999, :50].tolist(),))


def test_no_file_is_left_beside_the_data(tmp_path):
    """The file that rows are read from has no name: nothing is left however the process ends."""
    data = tmp_path / "data"
    data.mkdir()
    write(data, {"student_prompt": [[1, 2]], "student_chosen": [[3]]})
    rows = TokenRows(data, "train", "student", ("chosen",))
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "train.parquet"]
    assert rows.item(0) == ([1, 2], ([3],))


def test_a_part_without_rows(tmp_path):
    """An empty part has no rows, and lengths of none."""
    write(tmp_path, {"student_prompt": [], "student_chosen": []})
    rows = TokenRows(tmp_path, "train", "student", ("chosen",))
    assert (len(rows), len(rows.lengths), rows.response_lengths.shape) == (0, 0, (0, 1))
