"""Rules about the data."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load_data
from drdoctl.spec.source import parse

BASE = "version: 1\nname: x\nmethod: dpo\nstudent: {model: facebook/opt-125m}\n"


def _codes(tmp_path, text):
    data, marks = parse(BASE + text, "spec.yaml")
    try:
        load_data(data, marks, text, tmp_path / "spec.yaml")
    except UserError as error:
        return [fault.code for fault in error.faults]
    return []


@pytest.mark.parametrize(
    ("source", "codes"),
    [
        ("{jsonl: pairs.jsonl}", []),
        ("{jsonl: pairs.jsonl, eval: held-out.jsonl}", ["no-effect"]),
        ("{jsonl: folder}", ["no-effect"]),
        ("{jsonl: folder/train.jsonl}", []),
        ("ultrafeedback", ["no-effect"]),
        ("{name: ultrafeedback, path: pairs.jsonl}", []),
    ],
)
def test_nothing_is_held_out_where_there_is_an_evaluation_part(tmp_path, source, codes):
    """A second file, a folder with one, or the Hub's own split leave `eval_fraction` without effect."""
    (tmp_path / "folder").mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / "folder" / name).write_text("{}\n")
    assert _codes(tmp_path, f"data: {{source: {source}, eval_fraction: 0.1}}") == codes


def test_a_split_may_find_its_confidence_in_the_rows(tmp_path):
    """Only a source that is known to have none is refused here; files are looked at when they are read."""
    assert _codes(tmp_path, "data: {source: {jsonl: a}, split: hard}") == []
    assert _codes(tmp_path, "data: {source: hh-rlhf, split: hard}") == ["missing-confidence"]
    assert _codes(tmp_path, "data: {source: hh-rlhf, split: all}") == []
