"""Builders of stages for the tests of findings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from drdoctl.doctor.case import Case, Finding

SECTIONS = {"sft": "student.sft", "oracle": "oracle", "align": "train"}
TRAINING = {"learning_rate": 3e-4, "max_grad_norm": 1.0}
PART = {"rows": 1000, "prompts": 1000, "read": 1000, "dropped": {}, "chosen_tokens": {"mean": 14.0, "max": 27}}
HEALTHY: dict[str, float] = {
    "loss": 0.6,
    "grad_norm": 0.8,
    "chosen_logp": -50.0,
    "rejected_logp": -60.0,
    "implicit_margin": 0.4,
    "implicit_margin_sq": 0.86,
    "gate": 0.3,
    "gate_sq": 0.3**2 + 0.2**2,
    "unlikelihood": -0.2,
    "dr": 0.5,
    "dr_sq": 0.5**2 + 1,
    "r_hat_margin": 0.4,
    "r_hat_margin_sq": 0.4**2 + 0.7,
}
"""The metrics of a student with nothing doubtful about it."""


def course(start: Mapping[str, float], end: Mapping[str, float], count: int = 40) -> list[dict[str, float]]:
    """Return lines of a log that go from one set of values to another along a line, at a constant learning rate."""
    return [
        {
            "step": at + 1,
            "lr": 3e-4,
            **{name: start[name] + (end[name] - start[name]) * at / (count - 1) for name in end},
        }
        for at in range(count)
    ]


def steady(count: int = 40, **values: float) -> list[dict[str, float]]:
    """Return the log of a healthy student whose values do not change, but for those given."""
    ends = {**HEALTHY, **values}
    return course(ends, ends, count)


def ward(
    folder: Path,
    kind: str = "align",
    lines: Sequence[Mapping[str, Any]] = (),
    files: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Case:
    """Return a finished stage whose folder holds the log and the JSON files. A double underscore is a dot in a key."""
    folder.mkdir(parents=True, exist_ok=True)
    if lines:
        (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, document in (files or {}).items():
        (folder / name).write_text(json.dumps(document))
    own = {f"{SECTIONS[kind]}.{name}": value for name, value in TRAINING.items()} if kind in SECTIONS else {}
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return Case(kind, kind, folder.name, folder, settings={**own, **given})


def join(reader: Case, **inputs: Case) -> Case:
    """Make stages inputs of another, and return that."""
    for role, case in inputs.items():
        reader.inputs[role] = case
        case.readers.append((role, reader))
    return reader


def data(folder: Path, train: Mapping[str, Any] | None = None, **more: Any) -> Case:
    """Return a data stage with 1000 training and 1000 held-out pairs."""
    report = {"parts": {"train": {**PART, **(train or {})}, "eval": PART}, **more}
    return ward(folder, "data", files={"report.json": report})


def rewards(folder: Path, train: Sequence[Mapping[str, float]] = (), held: Sequence[Mapping[str, float]] = ()) -> Case:
    """Return a rewards stage with its data; each member's statistics are healthy but for those given."""
    sound = {
        "accuracy": 0.72,
        "length_accuracy": 0.48,
        "length_correlation": -0.2,
        "margin_mean": 0.7,
        "margin_std": 1.3,
    }
    stats = {"train": [{**sound, **one} for one in train or ({},)], "eval": [{**sound, **one} for one in held or ({},)]}
    return join(ward(folder, "rewards", files={"stats.json": stats}), data=data(folder.with_name("data")))


def figure(metric: str, value: float | None, **fields: Any) -> dict[str, Any]:
    """Return a figure at temperature 0.7 with an interval of 0.1 to both sides."""
    ends = {"low": value - 0.1, "high": value + 0.1} if value is not None else {"low": None, "high": None}
    base = {"metric": metric, "value": value, **ends, "unit": "", "against": None, "judge": None, "temperature": 0.7}
    return {**base, "count": 1000, "warnings": [], **fields}


def evaluation(folder: Path, *figures: Mapping[str, Any], warnings: Sequence[str] = (), **settings: Any) -> Case:
    """Return an evaluation with these figures."""
    return ward(folder, "evaluate", files={"figures.json": {"figures": figures, "warnings": warnings}}, **settings)


def better(value: float, judge: str = "oracle") -> dict[str, Any]:
    """Return a judge's figure of a student's samples against the start model's."""
    metric = "truth.reward_difference" if judge == "truth" else "mean_difference"
    return figure(metric, value, judge=judge, against="sft")


def seen(name: str, case: Case) -> list[Finding]:
    """Return what one finding sees in a stage."""
    return list(import_module(f"drdoctl.doctor.findings.{name}").look(case))


def only(name: str, case: Case, severity: str, *words: str) -> Finding:
    """Return the one finding that there is, checked for its severity, its words, its advice and its evidence."""
    (found,) = seen(name, case)
    assert found.severity == severity
    for word in words:
        assert word in found.message, found.message
    assert found.advice
    assert not found.message.endswith(".")
    assert found.evidence
    assert all(one.values for one in found.evidence)
    return found
