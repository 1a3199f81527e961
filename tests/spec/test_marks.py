"""Marks: where keys and values stand."""

from __future__ import annotations

from drdoctl.spec.source import parse


def test_marks_give_line_and_column_of_keys_and_values():
    """Lines and columns are 1-based, and what is not written falls back to what is around it."""
    _, marks = parse("a: 1\nb:\n  - x\n  - {c: 2}\n", "s.yaml")
    assert str(marks.where(("b", 1, "c"), key=True)) == "s.yaml:4:6"
    assert str(marks.where(("b", 1, "c"))) == "s.yaml:4:9"
    assert str(marks.where(("b", 1, "d"))) == "s.yaml:4:5"
    assert str(marks.where(("z",))) == "s.yaml:1:1"
    assert marks.where(("a",)).text == "a: 1"
