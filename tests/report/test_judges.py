"""Who judges in a report."""

from __future__ import annotations

from drdoctl.report.judges import judge_columns, judgements

SPEC = {"judges": {"fair": {"model": "sft"}}}


def test_every_judge_has_its_column():
    """The truth's reward is one part of its word; others are called by their name; a spec without judges has two."""
    assert judge_columns(SPEC) == {"truth": "truth.reward", "oracle": "oracle", "fair": "fair"}
    assert judge_columns({"judges": None}) == judge_columns({}) == {"truth": "truth.reward", "oracle": "oracle"}


def test_judges_that_taught_nobody_come_first():
    """Tables begin with the judge whose word is worth most against a teacher's."""
    assert judgements(SPEC)[:3] == [("fair", "sft"), ("fair", "reference"), ("oracle", "sft")]
    assert judgements({})[0] == ("oracle", "sft")
