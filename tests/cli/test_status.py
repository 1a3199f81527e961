import json
import runpy
from datetime import UTC, datetime
from pathlib import Path

import pytest

from drdoctl import cli
from drdoctl.cli.status import render
from drdoctl.store.artifact import Store
from drdoctl.store.run import Run

MADE_UP = runpy.run_path(str(Path(__file__).parents[1] / "store" / "commit_once.py"))
WANT, fill = MADE_UP["WANT"], MADE_UP["fill"]
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
FOUND = {
    "format": 1,
    "store": "/data/.drdoctl",
    "holder": None,
    "run": {"id": "r", "spec": "toy", "started": "2026-03-01T10:00:00+00:00", "exit_code": None},
    "stages": [
        {
            "id": "data",
            "kind": "data",
            "artifact": "d",
            "state": "done",
            "seconds": 41,
            "at": "2026-02-27T12:00:00+00:00",
        },
        {
            "id": "align[drdo]",
            "kind": "align",
            "artifact": "a",
            "state": "interrupted",
            "step": 1200,
            "steps": 4000,
            "unit": "step",
            "checkpoint": 1000,
            "kept": 1000,
            "at": "2026-03-01T10:00:00+00:00",
        },
        {
            "id": "sft",
            "kind": "sft",
            "artifact": "s",
            "state": "failed",
            "step": 3,
            "steps": 0,
            "unit": "step",
            "checkpoint": 2,
            "kept": 2,
            "at": "2026-03-01T11:59:55+00:00",
            "faults": [{"code": "x", "message": "the loss is nan"}],
            "log": "log.txt",
        },
        {"id": "logps", "kind": "logps", "artifact": "l", "state": "waiting"},
    ],
    "summary": {"done": 1, "running": 0, "interrupted": 1, "failed": 1, "waiting": 1},
}
TEXT = """\
Last run: toy, 2 h 0 min ago, ended without a word (killed?)
  = data         done         2 days ago, 41 s
  > align[drdo]  interrupted  at step 1,200 of 4,000, saved at step 1,000 (2 h 0 min ago, pid gone)
  ! sft          failed       at step 3, saved at step 2 (just now): the loss is nan; log: log.txt
  + logps        waiting
Status: 1 done, 1 interrupted, 1 failed, 1 waiting."""


@pytest.fixture
def store(tmp_path):
    """Return a prepared store with a run that planned one stage."""
    made = Store(tmp_path / "store")
    made.prepare()
    run = Run.start(made, "toy")
    stage = {"id": WANT.id, "kind": WANT.kind, "artifact": WANT.artifact, "action": "run"}
    run.emit("plan", stages=[stage], summary={"run": 1})
    return made


def test_each_state_reads_as_a_sentence():
    """One line a stage, aligned, with when and where it stopped or why it failed, and the counts at the end."""
    assert render(FOUND, NOW) == TEXT


def test_an_apply_at_work_is_named():
    """While an apply holds the store, its process and host head the list, and the running stage shows its step."""
    running = {**FOUND["stages"][1], "state": "running", "pid": 77}
    found = {**FOUND, "holder": {"pid": 77, "host": "box"}, "stages": [running], "summary": {"running": 1}}
    lines = render(found, NOW).splitlines()
    assert lines[0] == "Apply at work: pid 77 on box"
    assert lines[1].endswith("at step 1,200 of 4,000 (pid 77)")


def test_what_saved_nothing_is_said_to_start_afresh():
    """An interrupted data stage, which keeps no rows, shows how far it was and that this is gone."""
    rows = {"step": 41472, "steps": 0, "unit": "row", "checkpoint": None, "kept": 0}
    lines = render({**FOUND, "stages": [{**FOUND["stages"][1], **rows}]}, NOW).splitlines()
    assert lines[1].endswith("at row 41,472, nothing saved: starts afresh (2 h 0 min ago, pid gone)")


def test_status_reads_the_store_and_json_has_the_same_facts(store, capsys):
    """`status` without a spec shows the last run's stages; `--json` is what the text is drawn from."""
    fill(store)
    assert cli.run(["status", "--store", str(store.root)]) == 0
    assert "> sft  interrupted  at step 9 of 12, saved at step 7" in capsys.readouterr().out
    assert cli.run(["status", "--store", str(store.root), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["stages"][0]["state"], found["stages"][0]["checkpoint"]) == ("interrupted", 7)


def test_status_of_no_store_is_no_error(tmp_path, capsys):
    """A store that is not there has no stages; asking makes nothing and succeeds."""
    assert cli.run(["status", "--store", str(tmp_path / "none")]) == 0
    assert "No apply has run in this store." in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_an_apply_that_had_no_plan_is_told_as_such(tmp_path, capsys):
    """Stopped before its plan, an apply has run all the same."""
    store = Store(tmp_path / "store")
    store.prepare()
    Run.start(store, "toy").finish(1)
    assert cli.run(["status", "--store", str(store.root)]) == 0
    head, tail = capsys.readouterr().out.splitlines()
    assert head.startswith("Last run: toy, just now, ended with exit code 1")
    assert tail == "That apply was stopped before it had a plan: nothing was begun."


def test_a_broken_manifest_is_warned_of(store, capsys):
    """Status of a store with a damaged manifest goes on and says on stderr which file is broken."""
    folder = store.path(WANT.artifact)
    folder.mkdir()
    (folder / "manifest.json").write_text("{")
    assert cli.run(["status", "--store", str(store.root)]) == 0
    shown = capsys.readouterr()
    assert "waiting" in shown.out
    assert "manifest.json` is not readable JSON" in shown.err
