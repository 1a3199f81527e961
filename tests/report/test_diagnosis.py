"""What is said of a student's training metrics."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.report.diagnosis import diagnose


def steps(start, end, count=40):
    """Return metrics that go from one set of values to another along a line."""
    return [{name: start[name] + (end[name] - start[name]) * at / (count - 1) for name in start} for at in range(count)]


HEALTHY = {
    "chosen_logp": -50.0,
    "rejected_logp": -60.0,
    "gate": 0.3,
    "gate_sq": 0.3**2 + 0.2**2,
    "unlikelihood": -0.2,
    "dr": 0.5,
    "dr_sq": 0.5**2 + 1,
    "r_hat_margin": 0.4,
    "r_hat_margin_sq": 0.4**2 + 0.7,
}


def test_a_healthy_run_is_left_alone():
    """Nothing doubtful, nothing said; nor of a run with too few steps, or with none of the metrics."""
    assert diagnose(steps(HEALTHY, HEALTHY)) == []
    assert diagnose([{**HEALTHY, "gate": 0.0}] * 3) == []
    assert diagnose([]) == diagnose([{"loss": 1.0}] * 40) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gate": 0.001, "gate_sq": 0.0001}, "shut for nearly every pair"),
        ({"gate": 0.232, "gate_sq": 0.232**2}, "a constant, not a focus"),
        ({"gate": 0.4, "gate_sq": 0.39}, "saturated, open or shut with little between"),
        ({"unlikelihood": -1e-20}, "the unlikelihood term is dead"),
        ({"chosen_logp": -70.0}, "log-probability fell from"),
        ({"chosen_logp": -70.0, "rejected_logp": -99.0}, "mass moves to responses that no pair shows"),
        ({"dr_sq": 0.25}, "nothing to distil"),
        ({"r_hat_margin_sq": 0.16 + 100}, "try a lower `beta`"),
        ({"dr_sq": 0.25 + 400}, "try a larger `beta`"),
    ],
)
def test_each_fault_has_its_sentence(changed, said):
    """A run that ends in a known fault gets the one sentence about it."""
    start = {**HEALTHY, **changed, "chosen_logp": -50.0, "rejected_logp": -60.0}
    (sentence,) = diagnose(steps(start, {**HEALTHY, **changed}, count=400))
    assert said in sentence


def test_no_gate_is_no_fault():
    """With gamma 0 the gate is 1 throughout, as asked."""
    ends = {**HEALTHY, "gate": 1.0, "gate_sq": 1.0}
    assert diagnose(steps(ends, ends)) == []


def test_a_saturated_gate_that_follows_length_says_so():
    """Where gate and length difference move together, their correlation is in the sentence."""
    lengths = {"length_diff": 0.0, "length_diff_sq": 100.0, "gate_x_length_diff": 0.49 * 10 * 0.9}
    ends = {**HEALTHY, **lengths, "gate": 0.5, "gate_sq": 0.25 + 0.49**2}
    (sentence,) = diagnose(steps(ends, ends))
    assert "correlation with the length difference (winner less loser) is +0.90" in sentence


@given(st.lists(st.dictionaries(st.sampled_from([*HEALTHY, "length_diff"]), st.floats()), max_size=20))
def test_no_metrics_break_it(lines):
    """Missing, infinite and contradictory numbers give sentences or none, never an error."""
    assert all(isinstance(sentence, str) for sentence in diagnose(lines))
