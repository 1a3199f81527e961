import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.core.errors import UserError
from drdoctl.data import BadRow
from drdoctl.data.parquet import ParquetSource


def source(tmp_path, table):
    pq.write_table(table, tmp_path / "pairs.parquet", row_group_size=2)
    return ParquetSource(parquet="pairs.parquet").at(tmp_path)


def test_rows_come_in_order_with_row_numbers(tmp_path):
    """Rows keep their order over row groups, numbers may be narrow, and nulls are missing values."""
    names = [f"p{i}" for i in range(5)]
    table = pa.table(
        {
            "prompt": names,
            "chosen": ["c"] * 5,
            "rejected": ["r"] * 5,
            "confidence": pa.array([1, None, 3, 4, 5], pa.int8()),
        },
    )
    rows = list(source(tmp_path, table).read("train", {}))
    assert [row.prompt for row in rows] == names
    assert [row.confidence for row in rows] == [1.0, None, 3.0, 4.0, 5.0]
    assert rows[4].where == "pairs.parquet:5"


def test_messages_are_read_as_turns(tmp_path):
    """Lists of structs are turns, as chat data sets store them."""
    turns = [[{"role": "user", "content": "u"}, {"role": "assistant", "content": answer}] for answer in "ab"]
    rows = list(source(tmp_path, pa.table({"chosen": [turns[0]], "rejected": [turns[1]]})).read("train", {}))
    assert (rows[0].prompt, rows[0].chosen, rows[0].rejected) == ([turns[0][0]], "a", "b")


def test_bytes_that_are_no_text_are_a_bad_row(tmp_path):
    """Invalid UTF-8 in a text column costs its own row and no other."""
    bad = pa.array([b"good", b"\xff\xfe"], pa.binary()).view(pa.string())
    rows = list(
        source(tmp_path, pa.table({"prompt": bad, "chosen": ["c"] * 2, "rejected": ["r"] * 2})).read("train", {})
    )
    assert rows[0].prompt == "good"
    assert isinstance(rows[1], BadRow)
    assert (rows[1].code, rows[1].where) == ("utf-8", "pairs.parquet:2")


def test_a_file_that_breaks_off_is_a_user_error(tmp_path):
    """Half a Parquet file is named, and not a traceback."""
    rows = source(tmp_path, pa.table({"prompt": ["p"]}))
    path = tmp_path / "pairs.parquet"
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(UserError) as error:
        list(rows.read("train", {}))
    assert error.value.faults[0].code == "unreadable-file"
