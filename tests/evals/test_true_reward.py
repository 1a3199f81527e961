"""What the world's own program says."""

from __future__ import annotations

from drdoctl.evals import Sampling


def test_parts_and_the_difference_to_sft(make_eval, make_samples, measured):
    """Every part of the truth has its mean, and the reward its difference to SFT on the same prompts."""
    part = make_eval("true-reward", temperatures=[0.7], greedy=False, prompts=None)
    student = make_samples(reward=[4, 2], right=[5, 4], words=[10, 12])
    found = measured(part, student, {"sft": make_samples(reward=[1, 1], right=[3, 3], words=[9, 9])})
    assert found["truth.reward", None].value == 3
    assert found["truth.right", None].value == 4.5
    assert found["truth.words", None].value == 11
    figure = found["truth.reward_difference", "sft"]
    assert (figure.value, figure.count, figure.judge) == (2, 2, "truth")
    assert figure.low <= 2 <= figure.high


def test_sft_itself_has_no_difference(make_eval, make_samples, measured):
    """Where there is no baseline, nothing is compared."""
    found = measured(make_eval("true-reward", prompts=None), make_samples(reward=[1, 2]))
    assert {metric for metric, _ in found} == {"truth.reward"}


def test_greedy_is_a_temperature_of_its_own(make_eval):
    """`greedy` adds temperature 0 once, also where 0 is asked for."""
    assert make_eval("true-reward").samplings() == [Sampling(0, 0.8, 256, 1000), Sampling(0.7, 0.8, 256, 1000)]
    assert len(make_eval("true-reward", temperatures=[0, 0.5]).samplings()) == 2
    assert make_eval("true-reward", greedy=False).samplings() == [Sampling(0.7, 0.8, 256, 1000)]


def test_stamps_about_the_oracle_are_not_its_own(make_eval, make_samples, measured):
    """`judge = teacher` does not touch the truth."""
    part = make_eval("true-reward", greedy=False)
    found = measured(part, make_samples(reward=[1]), warnings=["judge = teacher", "toy data"])
    assert found["truth.reward", None].warnings == ("toy data",)
