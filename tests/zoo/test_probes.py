"""Probes: a card's scores against those of a model, without any model."""

from __future__ import annotations

import json
import re

import pytest

from drdoctl.core.errors import IntegrityError
from drdoctl.zoo.probes import TEXTS, Probe, Stated, check, tolerances

SCORES = [0.5, -2.0]
STATED = Stated(
    "oracle",
    "auto",
    [Probe(name=f"p{at}", prompt="a", response="b", score=score) for at, score in enumerate(SCORES)],
    {"float32": 0.002, "bfloat16": 0.1},
)


def scorer(*scores):
    """Return what scores any model alike."""
    return lambda _folder, _stated: {"scores": list(scores)}


def test_eight_texts_ship():
    """They are short, nearly empty, long, very long, in several scripts, code and a dialogue, each with a name."""
    assert len({text["name"] for text in TEXTS}) == len(TEXTS) == 8
    lengths = {text["name"]: len(text["response"]) for text in TEXTS}
    assert lengths["nearly empty"] < lengths["short"] < lengths["long"] < lengths["very long"]
    assert re.search(r"[\u0590-\u06ff]", json.dumps(TEXTS, ensure_ascii=False))
    assert any(isinstance(text["prompt"], list) for text in TEXTS)


def test_the_same_scores_within_the_tolerance(tmp_path):
    """Scores that differ by less than the card allows are the card's."""
    found = check(STATED, tmp_path, scorer(0.501, -2.0), "zoo/thing")
    assert found.scored
    assert "2 probes, largest difference 0.001" in found.said


@pytest.mark.parametrize("got", [[0.503, -2.0], [float("nan"), -2.0], [-2.0, 0.5]])
def test_other_scores_are_named(tmp_path, got):
    """Each probe that differs is named with what was expected, what came out, and the tolerance."""
    with pytest.raises(IntegrityError) as caught:
        check(STATED, tmp_path, scorer(*got), "zoo/thing")
    assert caught.value.exit_code == 5
    assert caught.value.faults[0].message.startswith(f"probe `p0` of `zoo/thing`: expected 0.5, got {got[0]:.6g}")
    assert len(caught.value.faults) == sum(not abs(a - b) <= 0.002 for a, b in zip(got, SCORES, strict=True))


def test_what_was_not_checked_is_said(tmp_path):
    """Without a scorer, without probes, or where the model cannot be had, nothing is wrong, and it is said."""
    none = Stated("oracle", "auto", [], {})
    for stated, how, said in (
        (STATED, None, "were not run"),
        (none, scorer(), "has no probes"),
        (STATED, lambda *_: {"skipped": "the base is absent"}, "were not run: the base is absent"),
    ):
        found = check(stated, tmp_path, how, "zoo/thing")
        assert not found.scored
        assert said in found.said


def test_a_card_that_states_no_tolerance_gets_the_usual_one(tmp_path):
    """A thousandth of the largest score."""
    bare = Stated("oracle", "auto", STATED.probes, {})
    assert check(bare, tmp_path, scorer(0.5019, -2.0), "zoo/thing").scored
    with pytest.raises(IntegrityError):
        check(bare, tmp_path, scorer(0.5021, -2.0), "zoo/thing")


def test_tolerances():
    """They follow the largest score; in bfloat16 four times what was seen; rounded up to two digits, and never zero."""
    assert tolerances([1.234, -5.0], 0.0101) == {"float32": 0.005, "bfloat16": 0.05}
    assert tolerances([1.234, -5.0], 0.1234) == {"float32": 0.005, "bfloat16": 0.5}
    assert tolerances([0.0], None) == {"float32": 1e-6}


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_is_a_number(score):
    """A card cannot hold a probe whose score nothing would equal."""
    with pytest.raises(ValueError, match="finite"):
        Probe(name="a", prompt="a", response="b", score=score)


def test_a_card_cannot_allow_anything(tmp_path):
    """Ten times the usual tolerance is the most: with a wider one, any scores would be the card's."""
    wide = Stated("oracle", "auto", STATED.probes, {"float32": 1e9})
    assert check(wide, tmp_path, scorer(0.519, -2.0), "zoo/thing").scored
    with pytest.raises(IntegrityError):
        check(wide, tmp_path, scorer(0.521, -2.0), "zoo/thing")


@pytest.mark.parametrize("turns", [[], [{"x": "y"}], [{"role": "user"}], [{"role": "user", "content": "a", "b": "c"}]])
def test_turns_are_whole(turns):
    """A conversation without a turn, or a turn without a role or a content, is no probe."""
    with pytest.raises(ValueError, match="turns"):
        Probe(name="a", prompt=turns, response="b", score=1.0)
