"""`select`: what a choice means among the figures that the evals give. Its faults are in tests/specs/bad."""

from __future__ import annotations

import pytest

from drdoctl.evals import Measure
from drdoctl.spec.choice import matching
from drdoctl.spec.select import Select

GIVEN = [Measure("win_rate", against, "oracle", at) for at in (0.2, 0.7) for against in ("sft", "reference")] + [
    Measure("implicit_accuracy")
]


def test_what_is_asked_for_tells_figures_apart():
    """Only fields that are given count, and one figure given by two evals is one."""
    one = Select(metric="win_rate", over="seed", temperature=0.7, against="sft")
    assert matching(one, [*GIVEN, *GIVEN]) == [Measure("win_rate", "sft", "oracle", 0.7)]
    assert len(matching(Select(metric="win_rate", over="seed"), GIVEN)) == 4
    assert matching(Select(metric="win_rate", over="seed", judge="truth"), GIVEN) == []


def test_a_matrix_may_measure_each_student_differently(fault_codes):
    """A figure that only some students get is none to choose by."""
    text = """\
version: 1
name: x
data: {source: notes, max_prompt_tokens: 48, max_tokens: 80}
student: {model: {}}
method: dpo
matrix:
  train.learning_rate: [1.0e-4, 1.0e-3]
  evaluate: [[{name: true-reward, max_new_tokens: 32}], [pair-accuracy]]
select: {metric: truth.reward, temperature: 0.7, over: train.learning_rate}
"""
    assert fault_codes(text) == ["unknown-name"]
    assert fault_codes(text.replace(", [pair-accuracy]", "")) == []


@pytest.mark.parametrize(
    ("metric", "split", "warned"),
    [("win_rate", "all", ["d-dpo"]), ("win_rate", "relabel", []), ("implicit_accuracy", "all", [])],
)
def test_a_choice_by_the_teacher_is_said(checked, metric, split, warned):
    """Choosing by the oracle's word is doubtful for whom that very oracle taught; by pair accuracy it is not."""
    text = f"""\
version: 1
name: x
data: {{source: notes, split: {split}, max_prompt_tokens: 48, max_tokens: 80}}
student: {{model: {{}}}}
oracle: {{model: sft}}
matrix: {{method: [dpo, d-dpo], train.learning_rate: [1.0e-4, 1.0e-3]}}
evaluate: [{{name: win-rate, against: [sft], temperatures: [0.7], max_new_tokens: 32}}, pair-accuracy]
select: {{metric: {metric}, over: train.learning_rate}}
"""
    said = [one for one in checked(text)[1] if "select" in one]
    assert said == [f"judge = teacher: `select` chooses by the oracle that taught `{name}`" for name in warned]
