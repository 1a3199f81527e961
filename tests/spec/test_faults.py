"""Pydantic's errors in our words: every kind of error there is becomes a sentence with a place."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from drdoctl.core.errors import Where
from drdoctl.spec.faults import described, faults_of
from drdoctl.spec.model import Spec

WORDS = st.sampled_from(
    ["name", "model", "source", "jsonl", "split", "quantile", "alpha", "sft", "drdo", "hard", "xyz", "epochs"]
)
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.5, -1.5, "", "drdo", "notes", "hard", "win-rate", "zoo/a", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*Spec.model_fields, "xyz"]), PLAIN, max_size=6))
def test_whatever_is_wrong_has_a_sentence(raw):
    """No plain data makes the translation fail, and each sentence keeps to the house's form."""
    with pytest.raises(ValidationError) as caught:
        Spec.model_validate(raw)
    faults = faults_of(caught.value, raw, lambda path, key: Where("s.yaml", 1, 1, str(path)))
    assert len(faults) >= len(caught.value.errors())
    for fault in faults:
        assert fault.message == fault.message.strip().rstrip(".")
        assert "`" in fault.message
        assert "Input should" not in fault.message


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "empty"),
        (True, "`true`"),
        ({}, "a mapping"),
        ([], "a list"),
        (3, "`3`"),
        ("x", "the word `x`"),
        ("y" * 99, "the word `" + "y" * 60 + "…`"),
    ],
)
def test_values_are_described(value, words):
    """A value in a message is short and says what it is."""
    assert described(value) == words


def test_the_name_of_a_family_is_asked_which():
    """`rpo` is the name of several losses: the hint names them all, and chooses none."""
    raw = {"version": 1, "name": "x", "method": {"name": "rpo"}}
    with pytest.raises(ValidationError) as caught:
        Spec.model_validate(raw)
    faults = faults_of(caught.value, raw, lambda path, key: Where("s.yaml", 1, 1, str(path)))
    (found,) = [fault for fault in faults if fault.code == "unknown-name"]
    assert found.message == "there is no method `rpo`"
    assert found.hint == (
        "`rpo` may mean `rpo-bwd-kl`, `rpo-fwd-kl`, `rpo-sq`: say which; `drdoctl ls methods` shows them"
    )
