"""Validation and test prompts: whose figures a choice may see."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.words import TEST, VALIDATION
from drdoctl.evals import EvalData
from drdoctl.evals._division import part_of, parts_of, side

PROMPTS = [f"prompt {row}" for row in range(40)]
PARTS = dict(zip(PROMPTS, parts_of(PROMPTS, 0.5), strict=True))


@given(st.text(), st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_a_prompts_part_is_its_own(prompt, one, other):
    """The text alone decides, and what a small fraction chooses on, a larger one does too."""
    low, high = sorted((one, other))
    assert part_of(prompt, low) == part_of(prompt, low)
    assert not (part_of(prompt, low) == VALIDATION and part_of(prompt, high) == TEST)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_about_the_fraction_is_chosen_on(fraction):
    """Of many prompts, the share is within what chance does."""
    found = parts_of((f"a longer prompt, number {row}" for row in range(4000)), fraction)
    assert found.count(VALIDATION) / 4000 == pytest.approx(fraction, abs=0.03)


def data_of(make_samples, rewards, logps):
    """Return what an eval sees of some prompts and pairs."""
    samples = make_samples(rewards, ids=PROMPTS, tokens=[10 + row for row in range(len(PROMPTS))])
    start = make_samples([1.0] * len(PROMPTS), ids=PROMPTS)
    return EvalData({None: samples}, {"sft": {None: start}}, {"chosen_logp": np.asarray(logps)}, seed=3)


def test_the_parts_share_nothing_and_make_the_whole(make_samples):
    """Every prompt and pair is on one side, with its own tokens, scores and response."""
    whole = data_of(make_samples, list(range(40)), range(40))
    sides = {part: side(whole, part, PARTS, list(PARTS.values())) for part in (VALIDATION, TEST)}
    for part, data in sides.items():
        samples = data.samples[None]
        assert samples.prompt_ids == [prompt for prompt in PROMPTS if PARTS[prompt] == part]
        assert samples.scores["oracle"].tolist() == [PROMPTS.index(name) for name in samples.prompt_ids]
        assert data.pairs["chosen_logp"].tolist() == samples.scores["oracle"].tolist()
        assert data.baselines["sft"][None].prompt_ids == samples.prompt_ids
    assert sum(len(data.samples[None].prompt_ids) for data in sides.values()) == 40


def test_an_unknown_prompt_is_no_validation_prompt(make_samples):
    """What was not divided is never chosen on."""
    whole = data_of(make_samples, list(range(40)), range(40))
    assert side(whole, VALIDATION, {}, [TEST] * 40).samples[None].prompt_ids == []


@given(st.lists(st.floats(-5, 5), min_size=40, max_size=40), st.lists(st.integers(1, 99), min_size=40, max_size=40))
def test_what_test_prompts_give_changes_no_validation_figure(make_eval, make_samples, rewards, tokens):
    """Whatever the responses to test prompts, all that a choice can see stays the same to the bit."""
    part = make_eval("win-rate", temperatures=[0.7], against=["sft"])
    (sampling,) = part.samplings()

    def figures(rewards, tokens):
        samples, start = make_samples(rewards, tokens, ids=PROMPTS), make_samples([1.0] * 40, ids=PROMPTS)
        data = EvalData({sampling: samples}, {"sft": {sampling: start}}, seed=3)
        return {name: part.measure(side(data, name, PARTS, [])) for name in (VALIDATION, TEST)}

    before, after = (
        figures([0.0] * 40, [10] * 40),
        figures(
            [0.0 if PARTS[name] == VALIDATION else value for name, value in zip(PROMPTS, rewards, strict=True)],
            [10 if PARTS[name] == VALIDATION else value for name, value in zip(PROMPTS, tokens, strict=True)],
        ),
    )
    assert after[VALIDATION] == before[VALIDATION]
