"""Rules across fields, seen through `check`: one mistake, one fault, at its key. The corpus has their texts."""

from __future__ import annotations

import pytest

BASE = """version: 1
name: x
data: {source: {jsonl: pairs.jsonl}}
student: {model: facebook/opt-125m}
"""


@pytest.fixture
def faults(checked):
    """Return (code, line) of every fault of a spec made of a base and more lines."""
    return lambda text: [(fault.code, fault.where.line) for fault in checked(BASE + text)[0]]


def test_a_method_is_needed_somewhere(faults):
    """At the top or in the matrix."""
    assert faults("") == [("missing-field", 1)]
    assert faults("matrix: {seed: [1, 2]}") == [("missing-field", 5)]
    assert faults("matrix: {method: [dpo]}") == []


def test_a_fault_shared_by_all_combinations_is_shown_once(faults):
    """Rules run for each combination; the same fault at the same place is one fault."""
    text = "matrix: {method: [dpo, ipo], seed: [1, 2, 3]}\ntrain: {max_steps: 5, epochs: 2}"
    assert faults(text) == [("no-effect", 6)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("matrix: {method: [dpo, ipo]}\noracle: {model: a/b}", [("no-effect", 6)]),
        ("matrix: {method: [dpo, drdo]}\noracle: {model: a/b}", []),
        ("method: dpo\noracle: {model: a/b}\nevaluate: [win-rate]", []),
        ("method: dpo\noracle: {model: a/b}\npublish: {oracle: zoo/a}", []),
        ("matrix: {method: [{name: dpo, learning_rate: 1.0e-5}, ipo]}\ntrain: {learning_rate: 1.0e-5}", []),
        ("matrix:\n  method: [{name: dpo, learning_rate: 1.0e-5}]\ntrain: {learning_rate: 1.0e-5}", [("no-effect", 7)]),
        ("matrix:\n  method: [e-dpo, drdo]\noracle: {model: a/b, sft_weight: 0.1}", []),
        ("matrix:\n  method: [dpo]\n  data.split: [all, [hard, hard]]", [("duplicate", 7)]),
        ("matrix:\n  method: [dpo]\n  train.warmup_steps: [1, 9]\ntrain: {max_steps: 5}", [("conflict", 7)]),
    ],
)
def test_rules_look_at_all_combinations(faults, text, expected):
    """An option has no effect only where no combination uses it; a conflict points into the matrix."""
    assert faults(text) == expected
