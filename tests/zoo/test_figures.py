"""The figures of a card, as people are told them."""

from __future__ import annotations

import pytest
import zoo_things
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.evals import evals
from drdoctl.zoo._page_sections import QUALITY
from drdoctl.zoo.figures import TELLING, Figure, figure_of, figures_of, indexed, interval, lowest, title, told
from drdoctl.zoo.page import front_matter

WORDS = st.none() | st.sampled_from(["sft", "reference", "oracle", "llm:gpt-4o", "llm:a/b (prompt 0badc0de)"])


def real_metrics():
    """Return the names that evals give the figures of students."""
    judge = {"win-rate": {"against": ["sft"]}, "reward-advantage": {}, "true-reward": {}, "pair-accuracy": {}}
    made = [cls(name=name, **judge[name]) for name, cls in evals().items() if name in judge]
    return {measure.metric for one in made for measure in one.measures()}


def test_what_tells_most_are_real_figures():
    """The metrics that stand for a model, and those of the tests' own cards, are names that evaluations give."""
    assert TELLING[0] in QUALITY
    assert {*TELLING[1:], *(figure["metric"] for figure in zoo_things.FIGURES)} <= real_metrics()


def test_only_test_figures_are_told():
    """Figures on validation prompts are left out; where nothing was put aside, all are told."""
    assert [figure["value"] for figure in told(zoo_things.FIGURES)] == [0.83, 0.61]
    card = zoo_things.make_card(role="student", kind="sft", figures=zoo_things.FIGURES)
    assert [figure.value for figure in figures_of(card)] == [0.83, 0.61]
    whole = [{**figure, "part": None} for figure in zoo_things.FIGURES]
    assert told(whole) == told([*whole, *whole]) == whole


def test_the_lowest_stands_for_a_metric():
    """Of several baselines the one with the lowest value, and of equal ones the first."""
    figures = [Figure("a", 0.8), Figure("b", 1.0, judge="x"), Figure("a", 0.6), Figure("b", 1.0, judge="y")]
    assert lowest(figures) == {"a": figures[2], "b": figures[1]}


@pytest.mark.parametrize("wrong", [{"value": "high"}, {"value": None}, {"value": True}, {"metric": 3}, {"group": "x"}])
def test_what_is_no_figure(wrong):
    """What is no number, or of some pairs alone, is none."""
    assert figure_of({"metric": "accuracy", "value": 0.5, **wrong}) is None


@given(WORDS, WORDS, st.none() | st.sampled_from([0.0, 0.7, 1.0, 1e-05]), st.booleans())
def test_a_page_tells_what_a_card_tells(against, judge, temperature, known):
    """From the name of a metric on a page comes the figure that the card has, ends of intervals in three digits."""
    ends = {"low": 0.5, "high": 0.75} if known else {"low": None, "high": None}
    plain = {"metric": "win_rate", "value": 0.625, "against": against, "judge": judge, "temperature": temperature}
    plain |= ends
    there = {"type": "win_rate", "name": f"{title(plain)}{interval(plain)}", "value": 0.625}
    assert indexed(there) == figure_of(plain)


def test_the_index_of_a_page(store):
    """The figures of a page's index are those that a list of a folder has."""
    card = zoo_things.make_card(role="student", kind="sft", figures=zoo_things.FIGURES)
    (model,) = front_matter(card)["model-index"]
    assert tuple(indexed(metric) for metric in model["results"][0]["metrics"]) == figures_of(card)


@given(st.text(max_size=50), st.text(max_size=300))
def test_what_anybody_wrote_is_a_figure_or_none(kind, name):
    """A name of any form is taken for no more than it says."""
    assert indexed({"type": kind, "name": name, "value": 1}).metric == kind
    assert indexed({"type": [kind], "name": None, "value": 1}) is None
