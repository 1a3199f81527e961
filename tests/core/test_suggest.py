"""What a user probably meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.suggest import closest, did_you_mean

CHOICES = ("gamma", "alpha", "log_prob", "Reference")


@pytest.mark.parametrize(
    ("word", "meant"),
    [("gama", "gamma"), ("ALPHA", "alpha"), ("logprob", "log_prob"), ("reference", "Reference"), ("xyz", None)],
)
def test_the_nearest_choice_is_offered(word, meant):
    """Slips of the finger and of the shift key find their word; what is far from all finds none."""
    assert closest(word, CHOICES) == meant


def test_the_sentence_names_the_choice():
    """The hint is a question with the word in backticks, or nothing."""
    assert did_you_mean("gama", CHOICES) == "did you mean `gamma`?"
    assert did_you_mean("xyz", CHOICES) is None


@given(st.text(), st.lists(st.text(), max_size=5))
def test_only_choices_are_offered(word, choices):
    """Whatever is asked, the answer is one of the choices or None."""
    assert closest(word, choices) in (*choices, None)
