"""Oracles and judges as a spec describes them."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drdoctl.spec.model import Spec
from drdoctl.spec.oracles import Judge, Oracle

SMALL = {"version": 1, "name": "x", "data": {"source": "notes"}, "student": {"model": {}}, "method": "dpo"}


def test_a_judge_is_trained_like_an_oracle_from_another_seed():
    """Both have the papers' settings; only the seed of the head differs where the spec says nothing."""
    oracle, judge = Oracle(model="sft").model_dump(exclude={"pairs", "members"}), Judge(model="sft").model_dump()
    assert oracle.pop("seed") != judge.pop("seed")
    assert oracle == judge


def test_which_pairs_an_oracle_learns_from_is_no_question_for_a_judge():
    """A judge has rows of its own."""
    with pytest.raises(ValidationError):
        Judge(model="sft", pairs="all")


@pytest.mark.parametrize("name", ["Fair", "a.b", "2nd", "", "with space"])
def test_names_that_could_not_be_a_column(name):
    """A judge's name becomes a column and a stage's label: small letters, digits, `_` and `-`."""
    with pytest.raises(ValidationError):
        Spec.model_validate({**SMALL, "judges": {name: {"model": "sft"}}})
