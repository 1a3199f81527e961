"""Files and folders that a spec names are there, or are named."""

from __future__ import annotations

from drdoctl.spec.load import load
from drdoctl.spec.matrix import combinations
from drdoctl.spec.presence import absent

TEXT = """version: 1
name: x
data: {source: {jsonl: pairs.jsonl, eval: held-out.jsonl}}
student: {model: ./start, tokenizer: ./words}
method: dpo
"""


def test_what_is_not_there_is_named_with_its_line(tmp_path):
    """Data files and model folders are looked for from the spec's folder."""
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT)
    loaded = load(path)
    faults = absent(loaded, combinations(loaded.spec))
    assert [(fault.code, fault.where.line) for fault in faults][1:] == [("no-such-file", 4), ("no-such-file", 4)]
    assert faults[0].where.line == 3


def test_nothing_is_said_where_all_is_there(tmp_path):
    """Existing files and folders, and Hub ids, are no faults."""
    path = tmp_path / "spec.yaml"
    path.write_text(TEXT)
    for name in ("pairs.jsonl", "held-out.jsonl"):
        (tmp_path / name).write_text("{}\n")
    for name in ("start", "words"):
        (tmp_path / name).mkdir()
    loaded = load(path)
    assert absent(loaded, combinations(loaded.spec)) == []
