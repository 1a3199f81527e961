"""Examining a store: every stage by every finding of its kind, whatever its state."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import get_args

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wards import HEALTHY, course, steady

from drdoctl.doctor.case import Case, Severity
from drdoctl.doctor.examine import cases, examine, findings, look
from drdoctl.doctor.model import schema
from drdoctl.stages import KINDS, Want
from drdoctl.store.artifact import Store

FALLING = course(HEALTHY, {**HEALTHY, "chosen_logp": -140.0})
DATA = Want("data", 1, {"data.split": []})
DOCS = Path(__file__).parents[2] / "docs" / "doctor.md"
ALIGN = Want("align", 1, {"method.name": "dpo", "train.learning_rate": 3e-4}, {"data": DATA}, label="dpo")
EVALUATE = Want("evaluate", 1, {}, {"data": DATA, "policy": ALIGN}, label="dpo")
STAGES = [{"id": want.id, "kind": want.kind, "artifact": want.artifact} for want in (DATA, ALIGN, EVALUATE)]


def log(folder, lines):
    """Write a log of training."""
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def store(tmp_path):
    """Return a store with finished data and a student that is at work, or was."""
    store = Store(tmp_path / "store")
    store.prepare()
    folder, _ = store.open_partial(DATA)
    (folder / "report.json").write_text('{"parts": {"train": {"rows": 900, "prompts": 90}}}')
    store.commit(DATA, "demo", {}, 1.0)
    folder, _ = store.open_partial(ALIGN)
    inputs = {"data": str(store.path(DATA.artifact))}
    job = {
        "kind": "align",
        "id": "align[old]",
        "settings": dict(ALIGN.settings),
        "inputs": inputs,
        "parent": os.getpid(),
    }
    (folder / "job.json").write_text(json.dumps(job))
    log(folder, FALLING)
    return store


def test_work_in_progress_is_looked_at(store):
    """A student that was interrupted shows what its log shows, and its inputs are joined."""
    found = examine(store, STAGES)
    jsonschema.validate(found, schema())
    assert [(row["id"], row["state"], row["steps"]) for row in found["stages"]] == [
        ("data", "done", 0),
        ("align[dpo]", "interrupted", 40),
        ("evaluate[dpo]", "waiting", 0),
    ]
    told = [(row["stage"], row["severity"], row["code"]) for row in found["findings"]]
    assert told == [("data", "note", "repeated-prompts"), ("align[dpo]", "warning", "chosen-falls")]
    assert found["summary"] == {"fault": 0, "warning": 1, "note": 1}
    assert found["findings"][1]["evidence"][0]["file"] == f"{ALIGN.artifact}.partial/metrics.jsonl"
    assert cases(store)[ALIGN.artifact].inputs["data"].artifact == DATA.artifact


@pytest.mark.parametrize(
    "change", [{"settings": 3}, {"inputs": [1]}, {"id": None}, {"warnings": 7}, {"inputs": {"data": 3}}]
)
def test_a_wild_job_is_no_stage_or_has_no_inputs(store, change):
    """Whatever lies in a `job.json`, the others are examined: one that tells of no stage is left out."""
    path = store.partial_path(ALIGN.artifact) / "job.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert examine(store, STAGES)["findings"][0]["code"] == "repeated-prompts"
    case = cases(store).get(ALIGN.artifact)
    assert case is None or set(case.inputs) == set() or case.warnings == ()


def test_damage_is_told_and_not_looked_into(store):
    """A finished stage whose report has other bytes has one finding, which names it; what reads it says nothing."""
    (store.path(DATA.artifact) / "report.json").write_text('{"parts": 3}')
    told = [(row["stage"], row["severity"], row["code"]) for row in examine(store, STAGES)["findings"]]
    assert told[0] == ("data", "fault", "damaged")
    assert "repeated-prompts" not in [code for *_, code in told]


def test_finished_stages_know_their_evaluations(store):
    """Once samples are judged, the same log is no warning any more."""
    folder = store.partial_path(ALIGN.artifact)
    store.commit(ALIGN, "demo", {}, 1.0)
    assert not folder.exists()
    folder, _ = store.open_partial(EVALUATE)
    figure = {"metric": "mean_difference", "value": 1.0, "low": 0.9, "high": 1.1, "temperature": 0.7}
    document = {"figures": [{**figure, "judge": "oracle", "against": "sft"}], "warnings": []}
    (folder / "figures.json").write_text(json.dumps(document))
    store.commit(EVALUATE, "demo", {}, 1.0)
    found = examine(store, STAGES[1:2])
    assert [(row["stage"], row["severity"]) for row in found["findings"]] == [("align[dpo]", "note")]


def test_a_failed_stage_comes_with_its_fault_first(store):
    """Faults stand before warnings; numbers that are not finite become null."""
    folder = store.partial_path(ALIGN.artifact)
    lines = [*FALLING, {**FALLING[-1], "step": 41, "grad_norm": float("nan")}]
    log(folder, lines)
    fault = {"code": "not-finite", "message": "the loss is nan", "hint": "lower it", "where": None}
    (folder / "failure.json").write_text(json.dumps({"faults": [fault], "exit_code": 1}))
    found = examine(store, STAGES[1:2])
    assert [row["code"] for row in found["findings"]] == ["stage-failed", "chosen-falls", "not-finite"]
    json.dumps(found, allow_nan=False)


def test_nothing_wrong_is_nothing_said(store):
    """A steady student; and an empty store has stages that wait."""
    log(store.partial_path(ALIGN.artifact), steady())
    assert examine(store, STAGES[1:2])["findings"] == []
    empty = examine(Store(store.root / "none"), STAGES)
    assert {row["state"] for row in empty["stages"]} == {"waiting"}
    assert empty["findings"] == []


ODD_INPUTS = '{"kind": "align", "id": "a", "settings": {}, "inputs": {"x": "y"}}'


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"kind": "align"}', ODD_INPUTS])
def test_broken_work_in_progress_breaks_nothing(store, text):
    """Whatever a crash left of `job.json` and the log, the rest is looked at."""
    folder = store.partial_path(ALIGN.artifact)
    (folder / "job.json").write_text(text)
    (folder / "metrics.jsonl").write_text('{"step": 1, "loss": 1}\n{"st')
    found = examine(store, STAGES)
    assert [row["stage"] for row in found["findings"]] == ["data"]


NAMES = sorted(
    {*HEALTHY, "lr", "length_diff", "length_diff_sq", "gate_x_length_diff", "member_share_0", "member_share_1"}
)
LINES = st.lists(st.dictionaries(st.sampled_from(NAMES), st.floats()), min_size=8, max_size=30)


@settings(max_examples=25)
@given(LINES)
def test_no_metrics_break_it(lines):
    """Missing, infinite and contradictory numbers give findings or none, never an error."""
    case = Case("align", "align", "align-1", Path("nowhere/align-1"), settings={"train.learning_rate": 1e-3})
    case.lines = [{"step": at, **line} for at, line in enumerate(lines, 1)]
    assert all(finding.message and finding.advice for _, finding in look(case))


def test_every_finding_says_what_it_looks_at():
    """Each has kinds of stages that there are, a function and a docstring; a code is a file's name."""
    assert "chosen-falls" in findings()
    for module in findings().values():
        assert set(module.KINDS) <= set(KINDS)
        assert callable(module.look)
        assert module.__doc__


def test_every_finding_is_explained():
    """Each has a row of the page on the doctor, and each row is of a finding that there is, with its severities."""
    table = DOCS.read_text(encoding="utf-8").partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in table.splitlines() if line.startswith("| `")]
    told = {code.strip().strip("`"): set(how.strip().split(", ")) for code, how in rows}
    assert told.keys() == findings().keys()
    for code, module in findings().items():
        source = Path(str(module.__file__)).read_text(encoding="utf-8")
        assert told[code] == {name for name in get_args(Severity) if f'"{name}"' in source}, code
