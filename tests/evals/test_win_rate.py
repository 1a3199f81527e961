"""Win rates, ties, lengths, and what is stamped."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from drdoctl.evals import Sampling

ONE = {"temperatures": [0.7], "prompts": None}


def test_wins_and_half_of_ties_are_counted(make_eval, make_samples, measured):
    """Two wins, one tie, one loss are a win rate of 5/8; the mean difference stands beside it."""
    found = measured(make_eval("win-rate", **ONE), make_samples([2, 3, 1, 0]), {"sft": make_samples([1, 1, 1, 1])})
    figure = found["win_rate", "sft"]
    assert (figure.value, figure.count, figure.judge, figure.temperature) == (0.625, 4, "oracle", 0.7)
    assert figure.low <= 0.625 <= figure.high
    assert found["mean_difference", "sft"].value == 0.5
    assert ("win_rate", "reference") not in found


def test_prompts_are_paired_by_id(make_eval, make_samples, measured):
    """A baseline that answers fewer prompts, in another order, is compared on the shared ones."""
    baseline = make_samples([5, 0], ids=["p2", "p0"])
    figure = measured(make_eval("win-rate", **ONE), make_samples([1, 1, 1]), {"sft": baseline})["win_rate", "sft"]
    assert (figure.value, figure.count) == (0.5, 2)


def test_like_length_keeps_pairs_within_a_tenth(make_eval, make_samples, measured):
    """Of 100 against 90, 89 and 111 tokens only the first and, with 111, the third is within 10 % of the longer."""
    student = make_samples([1, 1, 0], tokens=[100, 100, 100])
    found = measured(make_eval("win-rate", **ONE), student, {"sft": make_samples([0, 0, 1], tokens=[90, 89, 111])})
    figure = found["win_rate_like_length", "sft"]
    assert (figure.value, figure.count) == (0.5, 2)


def test_no_pair_of_like_length_gives_no_figure(make_eval, make_samples, measured):
    """A share of nothing is left out in place of being called 0 or NaN."""
    found = measured(
        make_eval("win-rate", **ONE), make_samples([1], tokens=[100]), {"sft": make_samples([0], tokens=[5])}
    )
    assert ("win_rate_like_length", "sft") not in found
    assert found["win_rate", "sft"].low is None


def test_lengths_and_cut_off_responses_are_told(make_eval, make_samples, measured):
    """Mean tokens and the share without an end token are there without any baseline."""
    found = measured(make_eval("win-rate", **ONE), make_samples([1, 1], tokens=[10, 20], ended=[True, False]))
    assert found["tokens", None].value == 15
    assert found["not_ended", None].value == 0.5


def test_the_teacher_as_judge_is_stamped(make_eval, make_samples, measured):
    """`judge = teacher` is on what the oracle judged, not on token counts and not on the truth's word."""
    student, baseline = (make_samples([value], reward=[value]) for value in (1, 0))
    for judge, stamps in (("oracle", ("judge = teacher", "toy data")), ("truth", ("toy data",))):
        part = make_eval("win-rate", judge=judge, **ONE)
        found = measured(part, student, {"sft": baseline}, warnings=["judge = teacher", "toy data"])
        assert tuple(found["win_rate", "sft"].warnings) == stamps
        assert tuple(found["tokens", None].warnings) == ("toy data",)


def test_unjudged_responses_are_left_out(make_eval, make_samples, measured):
    """A response without a reward is left out of the count; a judge without any gives no win rate."""
    part = make_eval("win-rate", **ONE)
    found = measured(part, make_samples([1, float("nan")]), {"sft": make_samples([0, 0])})
    assert (found["win_rate", "sft"].value, found["win_rate", "sft"].count) == (1, 1)
    found = measured(part, make_samples(reward=[1]), {"sft": make_samples(reward=[0])})
    assert ("win_rate", "sft") not in found


def test_what_it_asks_for(make_eval):
    """The defaults are the paper's: four temperatures, top-p 0.8, 256 tokens, both baselines, the oracle."""
    part = make_eval("win-rate")
    assert part.samplings() == [Sampling(temperature, 0.8, 256, 1000) for temperature in (0.2, 0.5, 0.7, 0.9)]
    assert (part.judges(), part.baselines()) == (["oracle"], ["sft", "reference"])


@pytest.mark.parametrize(
    "options", [{"temperatures": [0.7, 0.7]}, {"against": ["sft", "sft"]}, {"temperatures": [-1]}, {"top_p": 0}]
)
def test_senseless_settings_are_refused(make_eval, options):
    """A value named twice, a negative temperature and an empty nucleus are errors."""
    with pytest.raises(ValidationError):
        make_eval("win-rate", **options)


def test_what_is_compared_has_a_p_value(make_eval, make_samples, measured):
    """Four wins of four have p = 2 / 16 as a share and as a difference of 1 each; what compares nothing has none."""
    found = measured(make_eval("win-rate", **ONE), make_samples([1, 1, 1, 1]), {"sft": make_samples([0, 0, 0, 0])})
    assert found["win_rate", "sft"].p == found["mean_difference", "sft"].p == pytest.approx(1 / 8)
    assert found["win_rate_like_length", "sft"].p == pytest.approx(1 / 8)
    assert "p" in found["win_rate", "sft"].as_dict()
    assert "p" not in found["tokens", None].as_dict()


def test_a_named_judge_has_its_own_word_and_stamps(make_eval, make_samples, measured):
    """Its rewards are read from its column; the oracle's stamps are not on it, its own are."""
    student, baseline = make_samples([1, 1]), make_samples([0, 0])
    for samples, values in ((student, [0, 0]), (baseline, [1, 1])):
        samples.scores["fair"] = np.array(values, dtype=float)
    more = {"warnings": ["judge = teacher", "toy data"], "stamps": {"fair": ["judge = cousin"]}}
    found = measured(make_eval("win-rate", judge="fair", **ONE), student, {"sft": baseline}, **more)
    assert found["win_rate", "sft"].value == 0
    assert found["win_rate", "sft"].judge == "fair"
    assert found["win_rate", "sft"].warnings == ("judge = cousin", "toy data")


def test_equal_texts_are_ties_by_a_reward_model(make_eval, make_samples, measured):
    """Noise of the batch is no win; the truth alone may tell two equal texts apart, of which one did not end."""
    student, baseline = make_samples([1 + 1e-6, 2, 3], reward=[1, 2, 3]), make_samples([1, 1, 1], reward=[1, 1, 1])
    baseline.responses[1] = student.responses[1]
    found = measured(make_eval("win-rate", **ONE), student, {"sft": baseline})
    assert found["win_rate", "sft"].value == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert found["mean_difference", "sft"].value == pytest.approx(2 / 3)
    by_truth = measured(make_eval("win-rate", judge="truth", **ONE), student, {"sft": baseline})
    assert by_truth["win_rate", "sft"].value == pytest.approx((0.5 + 1 + 1) / 3)
