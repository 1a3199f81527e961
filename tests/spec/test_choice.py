"""The figure that `select` means, with all that the spec leaves out."""

from __future__ import annotations

from drdoctl.spec.choice import choice_of, matching, measures
from drdoctl.spec.model import Spec

PLAIN = {
    "version": 1,
    "name": "small",
    "data": {"source": {"name": "notes"}},
    "student": {"model": {"hidden_size": 8}, "sft": False},
    "matrix": {"method": ["dpo", "ipo"]},
    "evaluate": [{"name": "true-reward", "temperatures": [0.7]}, {"name": "pair-accuracy"}],
}


def test_fields_left_out_are_those_of_the_only_figure():
    """Judge, temperature and goal come from the eval; a spec without `select` chooses by nothing."""
    spec = Spec.model_validate(PLAIN | {"select": {"metric": "truth.reward", "over": "method", "temperature": 0.7}})
    found = choice_of(spec)
    assert (found.metric, found.against, found.judge, found.temperature, found.goal) == (
        "truth.reward",
        None,
        "truth",
        0.7,
        "max",
    )
    assert choice_of(Spec.model_validate(PLAIN)) is None


def test_figures_are_matched_by_what_is_asked():
    """A temperature that no eval has matches nothing; without one all figures of the metric do, each once."""
    spec = Spec.model_validate(PLAIN | {"select": {"metric": "truth.reward", "over": "method", "temperature": 0.1}})
    assert matching(spec.select, measures(spec)) == []
    every = spec.select.model_copy(update={"temperature": None})
    assert len(matching(every, measures(spec) * 2)) == len(matching(every, measures(spec))) > 0
