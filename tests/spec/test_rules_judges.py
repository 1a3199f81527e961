"""Judges that nobody asks, that are not there, that have no rows, or whose name is taken."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.load import load

SPEC = """\
version: 1
name: x
data: {source: notes, judge_fraction: 0.3}
student: {model: {max_positions: 2048}}
judges:
  fair: {model: sft}
method: dpo
evaluate: [{name: win-rate, judge: fair}]
"""


@pytest.fixture
def codes(tmp_path):
    """Return the codes of a spec's faults by the setting they are about, with `--set` values."""

    def run(*sets, text=SPEC):
        path = tmp_path / "spec.yaml"
        path.write_text(text)
        try:
            load(path, sets)
        except UserError as error:
            return [fault.code for fault in error.faults]
        return []

    return run


def test_a_judge_with_rows_that_is_asked_is_sound(codes):
    """The spec as it stands has no faults."""
    assert codes() == []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("evaluate=[{name: win-rate, judge: fare}]", ["no-effect", "unknown-name"]),
        ("evaluate=[{name: win-rate, judge: truth}]", ["no-effect"]),
        ("student.sft=false", ["conflict"]),
        ("judges.oracle={model: sft}", ["bad-name"]),
        ("judges.fair={model: zoo/rm}", ["no-effect"]),
        ("judges.fair={model: zoo/rm, max_steps: 3}", ["no-effect", "no-effect"]),
        ("judges.fair={model: sft, max_steps: 3, epochs: 2}", ["no-effect"]),
        ("judges.fair={model: sft, revision: main}", ["no-effect"]),
        ("judges.fair={model: sft, lora: {target: [all-linear, q_proj]}}", ["conflict"]),
    ],
)
def test_what_is_wrong_with_a_judge(codes, change, found):
    """Each fault is told by its code; what holds for an oracle's training holds for a judge's."""
    assert sorted(codes(change)) == sorted(found)


def test_a_judge_that_is_trained_here_needs_rows(codes):
    """Without rows that were put aside it would learn from the teacher's pairs, which is no independence."""
    assert codes(text=SPEC.replace(", judge_fraction: 0.3", "")) == ["missing-rows"]


def test_a_matrix_may_ask_a_judge_in_some_combinations_alone(codes):
    """A judge has an effect where any combination asks it."""
    text = SPEC.replace("evaluate: [{name: win-rate, judge: fair}]\n", "")
    axis = "matrix={evaluate: [[{name: win-rate, judge: fair}], [{name: win-rate, judge: truth}]]}"
    assert codes(axis, text=text) == []
