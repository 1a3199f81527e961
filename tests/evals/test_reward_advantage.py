"""Reward advantages, raw and in the reference's spread."""

from __future__ import annotations

import numpy as np
import pytest

ONE = {"temperatures": [0.7], "prompts": None}


def test_raw_and_normalised_by_hand(make_eval, make_samples, measured):
    """Rewards 4, 6 against SFT's 1, 3 and logged 0, 4 (sd 2): +3 over SFT is 1.5 sd, +3 over the logged likewise."""
    baselines = {"sft": make_samples([1, 3]), "reference": make_samples([0, 4])}
    found = measured(make_eval("reward-advantage", **ONE), make_samples([4, 6]), baselines)
    assert found["reward", None].value == 5
    for against in ("sft", "reference"):
        assert found["reward_advantage_raw", against].value == 3
        assert found["reward_advantage", against].value == pytest.approx(1.5)


def test_normalising_is_free_of_the_judges_units(make_eval, make_samples, measured):
    """Scaling and shifting all rewards leaves the normalised advantage and its interval where they are."""
    rng = np.random.default_rng(0)
    student, sft, logged = (rng.normal(mean, 1, 200) for mean in (1, 0, 0))

    def figure(scale, shift):
        ours, *theirs = (make_samples(scale * rewards + shift) for rewards in (student, sft, logged))
        return measured(
            make_eval("reward-advantage", **ONE), ours, dict(zip(("sft", "reference"), theirs, strict=True))
        )

    one, other = (figure(*units)["reward_advantage", "sft"] for units in ((1, 0), (50, 1000)))
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-3)
    assert one.low < one.value < one.high


def test_without_spread_only_the_raw_figure_is_given(make_eval, make_samples, measured):
    """No logged responses, or ones that all get the same reward: there is no unit, so no normalised figure."""
    part = make_eval("reward-advantage", **ONE)
    for baselines in ({"sft": make_samples([0, 0])}, {"sft": make_samples([0, 0]), "reference": make_samples([7, 7])}):
        found = measured(part, make_samples([1, 2]), baselines)
        assert found["reward_advantage_raw", "sft"].value == 1.5
        assert ("reward_advantage", "sft") not in found


def test_the_logged_responses_are_always_asked_for(make_eval):
    """Their spread is the unit, even where the student is compared with SFT alone."""
    assert make_eval("reward-advantage", against=["sft"]).baselines() == ["reference", "sft"]


def test_the_teacher_as_judge_is_stamped(make_eval, make_samples, measured):
    """Every figure is the judge's word and carries the stamp."""
    part = make_eval("reward-advantage", **ONE)
    found = measured(part, make_samples([1]), {"sft": make_samples([0])}, warnings=["judge = teacher"])
    assert all(figure.warnings == ("judge = teacher",) for figure in found.values())


def test_raw_and_normalised_have_the_same_p_value(make_eval, make_samples, measured):
    """Differences of 1, 2 and 4 have p = 2 / 8 in either unit; the mean reward is compared with nothing."""
    baselines = {"sft": make_samples([0, 0, 0]), "reference": make_samples([0, 1, 3])}
    found = measured(make_eval("reward-advantage", against=["sft"], **ONE), make_samples([1, 2, 4]), baselines)
    assert found["reward_advantage_raw", "sft"].p == found["reward_advantage", "sft"].p == 0.25
    assert found["reward", None].p is None
