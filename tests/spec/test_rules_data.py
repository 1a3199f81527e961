"""Rules about the data."""

from __future__ import annotations

import pytest

BASE = "version: 1\nname: x\nmethod: dpo\nstudent: {model: facebook/opt-125m}\n"


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
def test_nothing_is_held_out_where_there_is_an_evaluation_part(fault_codes, tmp_path, source, codes):
    """A second file, a folder with one, or the Hub's own split leave `eval_fraction` without effect."""
    (tmp_path / "folder").mkdir()
    for name in ("train.jsonl", "test.jsonl"):
        (tmp_path / "folder" / name).write_text("{}\n")
    assert fault_codes(BASE + f"data: {{source: {source}, eval_fraction: 0.1}}") == codes


def test_a_split_may_find_its_confidence_in_the_rows(fault_codes):
    """Only a source that is known to have none is refused here; files are looked at when they are read."""
    assert fault_codes(BASE + "data: {source: {jsonl: a}, split: hard}") == []
    assert fault_codes(BASE + "data: {source: hh-rlhf, split: hard}") == ["missing-confidence"]
    assert fault_codes(BASE + "data: {source: hh-rlhf, split: all}") == []
