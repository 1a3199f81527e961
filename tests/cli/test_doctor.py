"""`drdoctl doctor`."""

from __future__ import annotations

import json

import pytest

from drdoctl import cli
from drdoctl.cli.doctor import render
from drdoctl.stages import Want
from drdoctl.store.artifact import Store
from drdoctl.store.run import Run

ALIGN = Want("align", 1, {"train.learning_rate": 3e-4}, label="dpo")
STAGE = {"id": "align[dpo]", "kind": "align", "artifact": ALIGN.artifact}
FOUND = {
    "format": 1,
    "store": "store",
    "stages": [
        {"id": "data", "kind": "data", "artifact": "data-1", "state": "done", "steps": 0},
        {"id": "align[dpo]", "kind": "align", "artifact": "align-1", "state": "running", "steps": 1200},
        {"id": "evaluate[dpo]", "kind": "evaluate", "artifact": "evaluate-1", "state": "waiting", "steps": 0},
    ],
    "findings": [
        {
            "code": "chosen-falls",
            "severity": "warning",
            "stage": "align[dpo]",
            "artifact": "align-1",
            "message": "it fell",
            "advice": "lower the rate",
            "evidence": [
                {"file": "align-1/metrics.jsonl", "steps": [1, 9], "values": {"chosen_logp": -10.256, "loss": None}},
                {"file": "align-1/figures.json", "steps": None, "values": {"judge": "truth", "count": 512}},
            ],
        },
    ],
    "summary": {"fault": 0, "warning": 1, "note": 0},
}
TEXT = """\
align[dpo]  align-1, running at step 1,200
  warning[chosen-falls]: it fell
      seen: chosen_logp -10.26, loss - (align-1/metrics.jsonl, steps 1-9)
      seen: judge truth, count 512 (align-1/figures.json)
      try: lower the rate

Doctor: 1 warning, in 2 stages; 1 not begun."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Return a store in the working folder with one student whose log shows a fall."""
    monkeypatch.chdir(tmp_path)
    store = Store(tmp_path / "store")
    store.prepare()
    work, _ = store.open_partial(ALIGN)
    lines = [{"step": at, "chosen_logp": -10.0 - at, "loss": 0.5, "lr": 3e-4} for at in range(1, 41)]
    (work / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    store.commit(ALIGN, "demo", {}, 1.0)
    run = Run.start(store, "demo")
    run.emit("plan", **plan_fields())
    run.finish(0)
    return run.id


def plan_fields():
    """Return the fields of a `plan` event with one stage."""
    more = {"needs": [], "fingerprint": ALIGN.fingerprint, "action": "run", "reason": {}, "estimate": {}}
    return {"stages": [{**STAGE, **more}], "summary": {}}


def said(capsys, *words):
    """Run the verb on the store and return what it printed."""
    assert cli.run(["doctor", *words, "--store", "store"]) == 0
    return capsys.readouterr().out


def test_a_diagnosis_as_text():
    """By stage, each finding with evidence and advice; with `-v` the healthy stages too, with `-q` no evidence."""
    assert render(FOUND).plain == TEXT
    assert "data  data-1, done\n    nothing to say\n" in render(FOUND, verbose=True).plain
    assert "seen" not in render(FOUND, quiet=True).plain
    healthy = {**FOUND, "findings": [], "summary": {"fault": 0, "warning": 0, "note": 0}}
    assert render(healthy).plain == "Doctor: nothing to say, in 2 stages; 1 not begun."


def test_a_run_an_artifact_and_the_last_apply_are_the_same_here(folder, capsys):
    """Without an argument the last apply; a run by its id; an artifact by name, beginning, folder or id."""
    first = said(capsys)
    assert "warning[chosen-falls]" in first
    for what in (folder, ALIGN.artifact, ALIGN.artifact[:8], f"store/artifacts/{ALIGN.artifact}", ALIGN.id):
        assert said(capsys, what) == first


def test_findings_are_data(folder, capsys):
    """`--json` prints them; the exit code is 0 whatever is found."""
    found = json.loads(said(capsys, "--json"))
    assert found["format"] == 1
    assert found["findings"][0]["stage"] == "align[dpo]"


def test_a_spec_is_examined_by_its_plan(folder, capsys, tmp_path):
    """Stages of a spec that has not been applied wait."""
    (tmp_path / "pairs.jsonl").write_text('{"prompt": "a", "chosen": "b", "rejected": "c"}\n' * 4)
    assert cli.run(["init", "spec.yaml", "--from", "quickstart"]) == 0
    capsys.readouterr()
    assert said(capsys, "spec.yaml").endswith("not begun.\n")


@pytest.mark.parametrize(("words", "code"), [(["align-x"], "unknown-name"), (["x.yaml"], "no-file"), ([], "no-run")])
def test_what_is_not_there_is_refused(tmp_path, monkeypatch, capsys, words, code):
    """An unknown name, or no apply at all, is a user's error with a hint."""
    monkeypatch.chdir(tmp_path)
    assert cli.run(["doctor", *words, "--store", "store"]) == 2
    assert f"error[{code}]" in capsys.readouterr().err
