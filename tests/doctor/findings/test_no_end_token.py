"""Training responses without their end."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from wards import data, only, seen


def rows(folder, chosen, rejected):
    """Return a data stage with these ids, whose end token is 1."""
    case = data(folder, tokenizers={"student": {"end_token": "<eos>", "end_token_id": 1}})
    pq.write_table(pa.table({"student_chosen": chosen, "student_rejected": rejected}), folder / "train.parquet")
    return case


def test_responses_without_an_end_are_a_fault(tmp_path):
    """Half of them."""
    case = rows(tmp_path / "a", [[5, 6, 1]] * 10, [[5, 6]] * 10)
    only("no_end_token", case, "fault", "50 % of the student's training responses", "`<eos>` (1)")


def test_responses_with_their_end_are_left_alone(tmp_path):
    """So is an empty table, and data whose tokenizer is not told."""
    assert not seen("no_end_token", rows(tmp_path / "a", [[5, 1]] * 10, [[7, 8, 1]] * 10))
    empty = pa.array([], type=pa.list_(pa.int32()))
    assert not seen("no_end_token", rows(tmp_path / "b", empty, empty))
    untold = rows(tmp_path / "c", [[5]], [[5]])
    (untold.folder / "report.json").write_text(json.dumps({"parts": {}}))
    assert not seen("no_end_token", untold)


@pytest.mark.parametrize("left", [0, 4, 60, 0.9])
def test_a_damaged_file_is_no_end_of_the_doctor(tmp_path, left):
    """Nothing is said of rows that a torn file no longer holds, and no other finding is lost by it."""
    case = rows(tmp_path / "a", [[5, 6]] * 2000, [[5, 6]] * 2000)
    path = case.folder / "train.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[: left if isinstance(left, int) else int(left * len(whole))])
    assert not seen("no_end_token", case)


def test_damage_in_the_middle_is_no_end_either(tmp_path):
    """A whole footer may name pages that are not."""
    case = rows(tmp_path / "a", [[at, 6] for at in range(2000)], [[5, 6]] * 2000)
    path = case.folder / "train.parquet"
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * (len(whole) // 2) + whole[4 + len(whole) // 2 :])
    assert not seen("no_end_token", case)
