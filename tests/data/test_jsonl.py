import gzip
import json
import os
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chaos._corpora import BAD_ROWS, GOOD
from drdoctl.core.errors import UserError
from drdoctl.data import BadRow, Row
from drdoctl.data._files import LINE_BYTES
from drdoctl.data.jsonl import JsonlSource

text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(str.strip)
numbers = st.none() | st.floats(-100, 100)


def read(base, name="pairs.jsonl", part="train", columns=None, **options):
    return list(JsonlSource(jsonl=name, **options).at(Path(base)).read(part, columns or {}))


def codes(rows):
    return [row.code if isinstance(row, BadRow) else "ok" for row in rows]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(text, text, text, numbers), max_size=10), st.booleans(), st.booleans())
def test_what_is_written_is_read(tmp_path, rows, array, zipped):
    """Any texts and numbers come back as they were, from lines and from an array, gzipped or not."""
    records = [{"prompt": p, "chosen": c + "+", "rejected": r + "-", "confidence": n} for p, c, r, n in rows]
    lines = [json.dumps(record, ensure_ascii=index % 2 == 0) for index, record in enumerate(records)]
    data = (f"[\n{','.join(lines)}]" if array and lines else "\n".join(lines)).encode()
    (tmp_path / "pairs.jsonl").write_bytes(gzip.compress(data) if zipped else data)
    found = read(tmp_path)
    assert [(row.prompt, row.chosen, row.rejected, row.confidence) for row in found] == [
        (p, c + "+", r + "-", n) for p, c, r, n in rows
    ]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(tmp_path, data):
    """Whatever bytes a file holds, each record becomes a row or a bad row with its place, or the file a user error."""
    (tmp_path / "pairs.jsonl").write_bytes(data)
    rows = []
    with suppress(UserError):  # what looks like a damaged gzip or Parquet file
        rows = read(tmp_path)
    assert all(isinstance(row, Row | BadRow) and row.where.startswith("pairs.jsonl:") for row in rows)


@pytest.mark.parametrize(("line", "code"), BAD_ROWS)
def test_a_bad_row_is_named_and_the_next_one_read(tmp_path, line, code):
    """Each kind of bad row has its code and its file:line, and costs no other row."""
    good = json.dumps(GOOD).encode()
    (tmp_path / "pairs.jsonl").write_bytes(b"\n".join([good, line, b"", good]))
    rows = read(tmp_path)
    assert codes(rows) == ["ok", code, "ok"]
    assert rows[1].where == "pairs.jsonl:2"
    assert rows[2].where == "pairs.jsonl:4"


def test_a_50_mb_line_is_never_in_memory(tmp_path):
    """A line over the limit is a bad row that says its size; memory stays near the limit, and reading goes on."""
    path = tmp_path / "pairs.jsonl"
    with path.open("wb") as file:
        file.write(json.dumps(GOOD).encode() + b"\n")
        for _ in range(50):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + json.dumps(GOOD).encode() + b"\n")
    tracemalloc.start()
    rows = read(tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert codes(rows) == ["ok", "line-too-long", "ok"]
    assert "50 MB" in rows[1].message
    assert peak < 2.2 * LINE_BYTES


def test_columns_are_renamed_and_missing_ones_named_as_the_file_has_them(tmp_path):
    """`columns` maps our names to the file's, and messages speak of the file's."""
    (tmp_path / "pairs.jsonl").write_text('{"q": "p", "best": "c", "worst": "r"}\n{"q": "p", "best": "c"}\n')
    rows = read(tmp_path, columns={"prompt": "q", "chosen": "best", "rejected": "worst"})
    assert (rows[0].prompt, rows[0].chosen, rows[0].rejected) == ("p", "c", "r")
    assert "`worst`" in rows[1].message
    assert "data.columns" in rows[1].hint


def test_turns_are_parted_into_prompt_and_response(tmp_path):
    """Lists of turns lose the start they share with the prompt; the last assistant turn is the response."""
    user, better, worse = (
        {"role": r, "content": c} for r, c in [("user", "u"), ("assistant", "b"), ("assistant", "w")]
    )
    records = [
        {"prompt": [user], "chosen": [better], "rejected": [worse]},
        {"prompt": "u", "chosen": [user, better], "rejected": [user, worse]},
        {"chosen": [user, better], "rejected": [user, worse]},
        {"prompt": [user], "chosen": [user, better], "rejected": "w"},
    ]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert [(row.prompt, row.chosen, row.rejected) for row in read(tmp_path)] == [([user], "b", "w")] * 4


def test_missing_ids_are_the_part_and_line(tmp_path):
    """A row without an id is called after its part and line; whole numbers become text."""
    (tmp_path / "pairs.jsonl").write_text(
        json.dumps(GOOD) + "\n\n" + json.dumps({**GOOD, "id": 7}) + "\n" + json.dumps(GOOD)
    )
    assert [row.id for row in read(tmp_path)] == ["train-1", "7", "train-4"]


def test_parts_come_from_their_files(tmp_path, write_rows):
    """`eval` names the evaluation part; a folder gives both parts by its files' names."""
    write_rows([GOOD])
    write_rows([GOOD, GOOD], "held.jsonl")
    source = JsonlSource(jsonl="pairs.jsonl", eval="held.jsonl").at(tmp_path)
    assert source.files() == ["pairs.jsonl", "held.jsonl"]
    assert len(list(source.read("eval", {}))) == 2
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in ("part-1.jsonl", "part-2.jsonl", "test.jsonl"):
        (folder / name).write_text(json.dumps(GOOD) + "\n")
    whole = JsonlSource(jsonl="folder").at(tmp_path)
    assert whole.has_part("eval")
    assert [row.id for row in whole.read("train", {})] == ["train-part-1.jsonl-1", "train-part-2.jsonl-1"]
    assert not JsonlSource(jsonl="pairs.jsonl").at(tmp_path).has_part("eval")


def test_files_that_cannot_be_read_say_so(tmp_path):
    """A file that is not there, or breaks off, is a user error with its path and a remedy."""
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert error.value.faults[0].code == "no-such-file"
    (tmp_path / "pairs.jsonl").write_bytes(gzip.compress(json.dumps(GOOD).encode() * 1000)[:40])
    with pytest.raises(UserError) as error:
        read(tmp_path)
    assert error.value.faults[0].code == "unreadable-file"
    assert error.value.faults[0].hint


def test_a_broken_array_gives_its_good_rows_and_the_place_where_it_breaks(tmp_path):
    """Elements before the break are rows; the break is a bad row at its line."""
    (tmp_path / "pairs.jsonl").write_text(f"[\n{json.dumps(GOOD)},\n{json.dumps(GOOD)},\noops]")
    rows = read(tmp_path)
    assert codes(rows) == ["ok", "ok", "invalid-json"]
    assert rows[2].where == "pairs.jsonl:4"


@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf"], ids=["plain", "mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize("array", [False, True], ids=["lines", "array"])
def test_marks_and_line_ends_of_other_systems_are_read(tmp_path, before, end, array):
    """A byte-order mark and CRLF are no part of any text, in lines and in an array; ends inside a text stay."""
    lines = [json.dumps({**GOOD, "prompt": f"one\r\ntwo {number}"}).encode() for number in range(3)]
    data = b"[" + (b"," + end).join(lines) + b"]" if array else end.join(lines)
    (tmp_path / "pairs.jsonl").write_bytes(before + data + end)
    assert [(row.prompt, row.rejected) for row in read(tmp_path)] == [
        (f"one\r\ntwo {number}", "that") for number in range(3)
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_a_file_in_another_encoding_is_named_once(tmp_path, encoding, zipped):
    """A file of UTF-16 or UTF-32 is one fault with a command that mends it, not a fault for each line."""
    data = (json.dumps(GOOD) + "\n").encode(encoding) * 3
    (tmp_path / "pairs.jsonl").write_bytes(gzip.compress(data) if zipped else data)
    with pytest.raises(UserError) as error:
        read(tmp_path)
    (fault,) = error.value.faults
    assert (fault.code, error.value.exit_code) == ("encoding", 2)
    assert "iconv" in fault.hint


def test_hidden_files_of_a_folder_are_no_data(tmp_path):
    """A store, a notebook's copies and half-written files below a folder are left out; the folder may be hidden."""
    folder = tmp_path / ".data"
    for name in (
        "a.jsonl",
        "deep/b.jsonl",
        ".c.jsonl",
        ".drdoctl/artifacts/x/d.jsonl",
        "deep/.ipynb_checkpoints/b.jsonl",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(GOOD) + "\n")
    assert JsonlSource(jsonl=".data").at(tmp_path).files() == [".data/a.jsonl", ".data/deep/b.jsonl"]
    assert JsonlSource(jsonl=".").at(folder).files() == ["a.jsonl", "deep/b.jsonl"]
    with pytest.raises(UserError, match="no training file"):
        JsonlSource(jsonl=".").at(tmp_path).files()


def test_what_is_there_but_no_file_is_called_so(tmp_path):
    """A pipe or a device is not said to be absent: data is read more than once."""
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "/dev/zero"):
        with pytest.raises(UserError, match="is no regular file") as error:
            JsonlSource(jsonl=name).at(tmp_path).files()
        assert "write the rows into a file" in error.value.faults[0].hint
