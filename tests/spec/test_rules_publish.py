"""Rules about the names that a spec publishes under."""

from __future__ import annotations

import pytest

BASE = """version: 1
name: x
data: {source: {jsonl: a}, validation_fraction: 0.1}
student: {model: a/b, revision: v1}
oracle: {model: sft}
method: drdo
evaluate: [pair-accuracy]
"""
OF_TWO = "matrix: {train.learning_rate: [1.0e-4, 1.0e-3]}\n"
SELECT = "select: {over: [train.learning_rate], metric: implicit_accuracy}\n"
WITHOUT = BASE.replace(", validation_fraction: 0.1", "")


@pytest.mark.parametrize(
    ("text", "student", "oracle", "codes"),
    [
        (WITHOUT, "zoo/a", "zoo/b", []),
        (WITHOUT, "zoo/a", "zoo/a", ["duplicate"]),
        (WITHOUT, "zoo/a@v1", "zoo/a", ["duplicate"]),
        (WITHOUT, "zoo/a@v1", "zoo/a@v2", ["duplicate"]),
        (WITHOUT + OF_TWO, "zoo/a", "zoo/a", []),  # students are `a-drdo-learning_rate-…`
        (WITHOUT + OF_TWO, "zoo/a", "zoo/a-drdo-learning_rate-0.001@v2", ["duplicate"]),
        (WITHOUT + "matrix: {seed: [1]}\n", "zoo/a", "zoo/a", ["duplicate"]),
        (BASE + OF_TWO + SELECT, "zoo/a", "zoo/a@v1", ["duplicate"]),
        (BASE + OF_TWO + SELECT, "zoo/a", "zoo/a-drdo", []),
        (BASE + OF_TWO.replace("}", ", seed: [1, 2]}") + SELECT, "zoo/a", "zoo/a-seed-2", ["duplicate"]),
    ],
)
def test_oracle_and_students_have_names_of_their_own(fault_codes, text, student, oracle, codes):
    """With tags or without, in a matrix, and for what `select` picks."""
    assert fault_codes(text + f"publish: {{student: {student}, oracle: {oracle}}}") == codes


def test_students_whose_labels_are_one_word_in_a_zoo(checked):
    """What tells two students apart may be lost where a label becomes a name."""
    axes = "matrix: {student.tokenizer: [c/d, c-d]}\n"
    faults, _ = checked(WITHOUT + axes + "publish: {student: zoo/a}")
    assert [(fault.code, "zoo/a-drdo-tokenizer-c-d" in fault.message) for fault in faults] == [("duplicate", True)]


def test_a_zoo_in_memory_takes_nothing(fault_codes):
    """It would be gone with the stage's process; one that is only read from is not forbidden."""
    assert fault_codes(WITHOUT + "zoo: memory://x\npublish: {student: zoo/a}") == ["conflict"]
    assert fault_codes(WITHOUT.replace("a/b, revision: v1", "zoo/b") + "zoo: memory://x") == []
