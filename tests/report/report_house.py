"""A store with the finished artifacts of one spec: three students, an oracle, curves, samples with known scores."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from drdoctl.plan.types import Estimate, Plan, PlannedStage, Reason
from drdoctl.stages import Want
from drdoctl.store.artifact import Store

PROMPTS = 40
LABELS = ("sft", "drdo", "dpo")
TRUE_REWARD = {"sft": 1.0, "drdo": 3.0, "dpo": 4.5}
STAMP = "judge = teacher"
HOSTILE = '<script>alert("x")</script> & <img src=x onerror=y>'


@dataclass
class House:
    """A store and the plan whose artifacts it holds."""

    store: Store
    plan: Plan
    wants: dict[str, Want]


def _want(kind: str, inputs: dict[str, Want], label: str = "", **settings: Any) -> Want:
    externals = {"student.model": "ab" * 32} if kind == "sft" else {}
    warnings = (STAMP,) if label == "drdo" and kind == "evaluate" else ()
    return Want(kind, 1, settings or {"seed": 3}, inputs, externals, label, {}, warnings)


def _wants(oracles: dict[str, int]) -> dict[str, Want]:
    data = _want("data", {})
    sft = _want("sft", {"data": data}, **{"sft.epochs": 1})
    oracle = _want("oracle", {"data": data, "policy": sft})
    wants = [data, sft, oracle]
    for label in LABELS:
        policy = sft
        if label != "sft":
            policy = _want("align", {"data": data, "policy": sft}, label, **{"method.name": label})
            wants.append(policy)
        judge = oracle
        if label in oracles:
            judge = _want("oracle", {"data": data, "policy": sft}, label, weights=oracles[label])
            wants.append(judge)
        wants.append(_want("evaluate", {"data": data, "policy": policy, "oracle": judge}, label))
    return {want.id: want for want in wants}


def scores(label: str) -> np.ndarray:
    """Return a student's true rewards, one a prompt."""
    wave = np.sin(np.arange(PROMPTS) * (2 + LABELS.index(label)))
    return TRUE_REWARD[label] + wave


def _figure(metric: str, value: float | None, spread: float = 0.1, **fields: Any) -> dict[str, Any]:
    low, high = (value - spread, value + spread) if value is not None and spread else (None, None)
    base = {"unit": "", "against": None, "judge": None, "temperature": None, "count": PROMPTS, "warnings": []}
    return {"metric": metric, "value": value, "low": low, "high": high, **base, **fields}


def figures(label: str) -> list[dict[str, Any]]:
    """Return a student's figures at two temperatures, and its pair accuracy."""
    found = []
    stamps = [STAMP] if label == "drdo" else []
    for at in (0.0, 0.7):
        found += [_figure("truth.reward", float(scores(label).mean()) + at, judge="truth", temperature=at)]
        found += [_figure("truth.wrong", 0.5, 0.1, judge="truth", temperature=at)]
        found += [_figure("truth.words", 11.25, 0.1, judge="truth", temperature=at)]
        if label != "sft":
            of = {"judge": "oracle", "against": "sft", "temperature": at, "warnings": stamps}
            found += [_figure("win_rate", 0.75, 0.05, **of), _figure("mean_difference", 1.5, 0.2, **of)]
    return [*found, _figure("implicit_accuracy", 0.7, 0.05), _figure("empty", None, 0)]


def _samples(folder: Path, label: str) -> None:
    rows = []
    for way, at in (("t0-p1-n9", 0.0), ("t0.7-p0.8-n9", 0.7), ("reference", None)):
        for index in range(PROMPTS):
            text = HOSTILE if index == 0 and label == "dpo" else f"{label} says {way} {index}"
            rows.append({
                "id": f"p{index}", "sampling": way, "temperature": at, "response": text, "tokens": 5 + index,
                "ended": index != 5, "oracle": float(scores(label)[index]) / 2,
                "truth.reward": float(scores(label)[index]),
            })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), folder / "samples.parquet")


def _pairs(folder: Path, label: str) -> None:
    """Write held-out pairs: `drdo` has the oracle's margins tenfold, `dpo` others."""
    margin = np.linspace(-2, 2, PROMPTS)
    student = 10 * margin if label == "drdo" else np.cos(np.arange(PROMPTS))
    columns = {"chosen_logp": student - 20, "rejected_logp": np.full(PROMPTS, -20.0), "oracle_margin": margin}
    zeros = dict.fromkeys(("ref_chosen_logp", "ref_rejected_logp"), np.full(PROMPTS, -20.0))
    table = {"id": [f"p{index}" for index in range(PROMPTS)], **columns, **zeros}
    pq.write_table(pa.table(table), folder / "pairs.parquet")


def _metrics(folder: Path, kind: str, label: str) -> None:
    lines = []
    for step in range(1, 251):
        line = {"step": step, "loss": 2 / step**0.3, "lr": 1e-3 * (1 - step / 250), "grad_norm": 1.0}
        if kind == "oracle":
            line["accuracy"] = 0.5 + step / 1000
        if kind == "align":
            line |= {"chosen_logp": -10 - step / 50, "rejected_logp": -12 - step / 20, "implicit_accuracy": 0.7}
        if label == "drdo":
            line |= {"gate": 0.25, "gate_sq": 0.0725}
        lines.append(json.dumps(line))
    lines[3] = lines[3].replace('"grad_norm": 1.0', '"grad_norm": NaN')
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")


def _fill(folder: Path, want: Want, times: int = 1) -> None:
    if want.kind == "data":
        rows = [{"id": f"p{index}", "prompt": f"prompt {index} <b>bold</b>"} for index in range(PROMPTS)]
        pq.write_table(pa.Table.from_pylist(rows), folder / "prompts.parquet")
        report = {"template": "none", "parts": {"train": {"read": 1200, "kept": 1000, "dropped": {"too-long": 200}}}}
        (folder / "report.json").write_text(json.dumps(report))
    elif want.kind == "evaluate":
        document = {"figures": figures(want.label) * times, "student": want.label, "warnings": list(want.warnings)}
        (folder / "figures.json").write_text(json.dumps(document))
        _samples(folder, want.label)
        _pairs(folder, want.label)
    else:
        _metrics(folder, want.kind, want.label)
        (folder / "model.safetensors").write_text(f"{want.kind} {want.settings.get('weights', 1)}")


def make_house(
    root: Path, leave_out: tuple[str, ...] = (), oracles: dict[str, int] | None = None, twice: bool = False
) -> House:
    """Return the house; the stages of `leave_out` have no artifact.

    `oracles`: label -> weights of its own judge. `twice`: each figure is there twice.
    """
    store, wants = Store(root), _wants(oracles or {})
    store.prepare()
    stages = []
    for want in wants.values():
        if want.id not in leave_out:
            folder, _ = store.open_partial(want)
            _fill(folder, want, 1 + twice)
            store.commit(want, "demo", {}, 12.5)
        estimate = Estimate(seconds=10.0 if want.kind == "sft" else None)
        stages.append(PlannedStage(want, "reuse", Reason("done", "done"), estimate))
    spec = {"version": 1, "name": "demo", "seed": 3, "student": {"model": "org/base"}}
    warnings, origin = ("the revision of `org/base` is not pinned",), {"spec": "demo.yaml", "sets": ["seed=3"]}
    return House(store, Plan(spec, tuple(stages), warnings, origin, text="version: 1  # demo\n"), wants)
