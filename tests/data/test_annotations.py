"""AlpacaEval's annotation files: what is read, what is refused, all at once and with its place."""

from __future__ import annotations

import gzip
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.data._annotations import Match, read_annotations, read_lengths

ROW = {
    "instruction": "do",
    "output_1": "one",
    "generator_1": "base",
    "output_2": "three",
    "generator_2": "mine",
    "annotator": "judge",
    "preference": 2,
}
BAD = {
    "missing-column": {"generator_2": None},
    "wrong-type": {"output_1": 3},
    "not-finite": {"preference": math.nan},
    "out-of-range": {"preference": 2.5},
    "empty-name": {"generator_1": ""},
    "empty-prompt": {"instruction": ""},
}


def write(path, rows, form):
    """Write rows as JSON lines or one array, gzipped where the name says so."""
    text = "".join(json.dumps(row) + "\n" for row in rows) if form == "lines" else json.dumps(rows, indent=1)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path.name


@pytest.mark.parametrize(("name", "form"), [("a.jsonl", "lines"), ("a.json", "array"), ("a.json.gz", "array")])
def test_all_forms_of_a_file_say_the_same(tmp_path, name, form):
    """Lines or an array, gzipped or not: rows by match, lengths in characters, a tie of either kind as 1.5."""
    rows = [ROW | {"instruction": f"do {value}", "preference": value} for value in (1, 0, 1.5, 1.9, None)]
    found = read_annotations([write(tmp_path / name, rows, form)], tmp_path)
    (match,) = found.matches
    assert match == Match("judge", "base", "mine")
    assert [row.preference for row in found.matches[match]] == [1, 1.5, 1.5, 1.9, None]
    assert {(row.length_1, row.length_2) for row in found.matches[match]} == {(3, 5)}


def test_judges_baselines_and_models_are_kept_apart(tmp_path):
    """One file may hold many models, several files one table; a row without an annotator has an unnamed one."""
    plain = {key: value for key, value in ROW.items() if key != "annotator"}
    first = write(tmp_path / "a.jsonl", [ROW, ROW | {"generator_2": "other"}], "lines")
    second = write(tmp_path / "b.json", [plain, ROW | {"generator_1": "stronger"}], "array")
    found = read_annotations([first, second], tmp_path)
    assert {match.annotator for match in found.matches} == {"judge", ""}
    assert len(found.matches) == 4


def test_equal_rows_count_once_and_others_are_refused(tmp_path):
    """A row that stands twice is left out and counted; two judgements of one instruction name both places."""
    name = write(tmp_path / "a.jsonl", [ROW, ROW], "lines")
    found = read_annotations([name], tmp_path)
    assert (found.repeated, len(next(iter(found.matches.values())))) == (1, 1)
    name = write(tmp_path / "a.jsonl", [ROW, ROW | {"preference": 1}, ROW | {"output_2": "thre"}], "lines")
    with pytest.raises(UserError) as caught:
        read_annotations([name], tmp_path)
    assert [(fault.code, fault.where.line) for fault in caught.value.faults] == [("duplicate", 2), ("duplicate", 3)]
    assert "a.jsonl:1" in caught.value.faults[0].message


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(["sound", *BAD]), min_size=1, max_size=12), st.sampled_from(["lines", "array"]))
def test_every_bad_row_is_named_with_its_line(tmp_path_factory, kinds, form):
    """Whatever is wrong with whichever rows, each is a fault of its own kind at its own line."""
    rows = [ROW | {"instruction": f"do {place}"} | BAD.get(kind, {}) for place, kind in enumerate(kinds)]
    folder = tmp_path_factory.mktemp("rows")
    text = ",\n".join(map(json.dumps, rows)) if form == "array" else "\n".join(map(json.dumps, rows))
    (folder / "a.json").write_text(f"[{text}]" if form == "array" else text)
    expected = [(kind, place) for place, kind in enumerate(kinds, 1) if kind != "sound"]
    if not expected:
        found = read_annotations(["a.json"], folder)
        assert sum(map(len, found.matches.values())) == len(kinds)
        return
    with pytest.raises(UserError) as caught:
        read_annotations(["a.json"], folder)
    assert [(fault.code, fault.where.line) for fault in caught.value.faults] == expected


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_no_bytes_are_read_without_a_word(tmp_path_factory, content):
    """Whatever bytes a file holds, it is refused by faults, never by a traceback: none of them is an annotation."""
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "a.json").write_bytes(content)
    for read in (read_annotations, read_lengths):
        with pytest.raises(UserError) as caught:
            read(["a.json"], folder)
        assert caught.value.faults


def test_faults_of_all_files_come_together(tmp_path):
    """A file that is not there does not hide the bad rows of the next one; many are cut at twenty."""
    bad = write(tmp_path / "b.jsonl", [ROW | {"preference": 7, "instruction": str(row)} for row in range(30)], "lines")
    with pytest.raises(UserError) as caught:
        read_annotations(["none.json", bad], tmp_path)
    codes = [fault.code for fault in caught.value.faults]
    assert codes == ["no-such-file"] + ["out-of-range"] * 19


def test_lengths_of_outputs(tmp_path):
    """Outputs are told apart by generator; another output to one instruction is refused."""
    rows = [
        {"instruction": "a", "output": "xyz", "generator": "m"},
        {"instruction": "b", "output": "", "generator": "m"},
    ]
    found = read_lengths([write(tmp_path / "o.json", rows, "array")], tmp_path)
    assert sorted(found["m"].values()) == [0, 3]
    with pytest.raises(UserError) as caught:
        read_lengths([write(tmp_path / "o.json", [*rows, rows[1] | {"output": "x"}], "array")], tmp_path)
    assert [fault.code for fault in caught.value.faults] == ["duplicate"]
