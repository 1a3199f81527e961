"""A matrix's faults stand where its keys and values are written."""

from __future__ import annotations

import pytest

from drdoctl.spec.axes import matrix_faults
from drdoctl.spec.source import parse

BASE = "version: 1\nname: x\ndata: {source: notes}\nstudent: {model: {}}\n"


def _faults(text):
    data, marks = parse(BASE + text, "s.yaml")
    return [
        (fault.code, str(fault.where)) for fault in matrix_faults(data, lambda path, key: marks.where(path, key=key))
    ]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("method: dpo\nmatrix: {seed: [1, 2]}", []),
        ("matrix: {method: [dpo, ipo], data.split: [all, [easy, hard]]}", []),
        ("method: dpo\nmatrix: {method.beta: [0.1, -1]}", [("out-of-range", "s.yaml:6:29")]),
        ("method: dpo\nmatrix: {method.bta: [0.1, 1]}", [("unknown-field", "s.yaml:6:10")]),
        ("matrix: {method: [dpo, {name: ipo, beta: 1}]}", [("unknown-field", "s.yaml:5:36")]),
        ("matrix: {method: [dpo, ipo], method.beta: [1, 2]}", [("unknown-field", "s.yaml:5:30")]),
        ("matrix: {method: [dpo, null]}", [("wrong-type", "s.yaml:5:24")]),
        ("method: dpo\nmatrix: {student.sft: [false], student.sft.epochs: [1]}", [("unknown-field", "s.yaml:6:32")]),
        ("method: dpo\nmatrix: {sead: [1]}", [("unknown-field", "s.yaml:6:10")]),
        ("method: dpo\nmatrix: {zoo: [a, b]}", [("no-effect", "s.yaml:6:10")]),
        ("method: dpo\nmatrix: {data.split: [hard, [{name: hard}]]}", [("duplicate", "s.yaml:6:29")]),
        ("method: dpo\nmatrix: {student.model.layers.x: [1]}", [("wrong-type", "s.yaml:6:10")]),
        ("matrix: {method.beta: [1]}", [("missing-name", "s.yaml:5:10")]),
        ("method: {name: drdo, alpha: 0.1}\nmatrix: {method.name: [drdo, dpo]}", [("unknown-field", "s.yaml:5:22")]),
        ("method: {name: dpo, bta: 1}\nmatrix: {seed: [1, 2]}", []),
        ("matrix: 3", []),
        ("matrix: {seed: 3}", []),
    ],
)
def test_faults_of_a_matrix(text, faults):
    """Keys that are none point at the key; wrong and repeated values point at the value; good ones have no fault."""
    assert _faults(text) == faults
