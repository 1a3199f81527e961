import json
import os
import runpy
from pathlib import Path

import pytest

from drdoctl.store.artifact import Store
from drdoctl.store.lock import hold
from drdoctl.store.run import Run
from drdoctl.store.status import status

MADE_UP = runpy.run_path(str(Path(__file__).parent / "commit_once.py"))
WANT, fill = MADE_UP["WANT"], MADE_UP["fill"]
STAGE = {"id": WANT.id, "kind": WANT.kind, "artifact": WANT.artifact}


@pytest.fixture
def store(tmp_path):
    """Return a prepared store."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def state(store):
    """Return the made-up stage's state."""
    return status(store, [STAGE])["stages"][0]


def test_a_stage_goes_from_waiting_to_done(store):
    """Nothing there is waiting; work without its apply is interrupted; a manifest is done."""
    assert state(store)["state"] == "waiting"
    fill(store)
    assert (state(store)["state"], state(store)["step"], state(store)["steps"]) == ("interrupted", 9, 12)
    store.commit(WANT, "toy", {}, 5)
    assert (state(store)["state"], state(store)["seconds"]) == ("done", 5)
    assert status(store, [STAGE])["summary"]["done"] == 1


def test_running_needs_the_lock_and_the_very_apply(store):
    """Work in progress is running while its own apply holds the lock; under another holder it is interrupted."""
    folder = fill(store)
    with hold(store.root):
        (folder / "job.json").write_text(json.dumps({"fingerprint": "x", "parent": os.getpid()}))
        assert (state(store)["state"], state(store)["step"], state(store)["pid"]) == ("running", 9, os.getpid())
        (folder / "job.json").write_text(json.dumps({"fingerprint": "x", "parent": os.getppid()}))
        assert state(store)["state"] == "interrupted"
    assert state(store)["state"] == "interrupted"


def test_a_failure_is_told_with_its_reason_and_log(store):
    """A stage that left `failure.json` is failed, with the faults and the path of the log."""
    folder = fill(store)
    (folder / "failure.json").write_text(json.dumps({"exit_code": 1, "faults": [{"code": "x", "message": "why"}]}))
    assert (state(store)["state"], state(store)["faults"][0]["message"]) == ("failed", "why")
    os.utime(store.partial_path(WANT.artifact) / "failure.json", (0, 0))
    assert state(store)["at"] == "1970-01-01T00:00:00+00:00"
    assert state(store)["log"] == str(folder / "log.txt")


def test_without_stages_the_last_run_tells_which(store):
    """Asked for nothing in particular, status shows the stages of the newest run that has a plan."""
    assert status(store)["stages"] == []
    run = Run.start(store, "toy")
    run.emit("plan", stages=[{**STAGE, "action": "run"}], summary={"run": 1})
    run.finish(130)
    found = status(store)
    assert [stage["id"] for stage in found["stages"]] == ["sft"]
    assert (found["run"]["id"], found["run"]["exit_code"], found["run"]["spec"]) == (run.id, 130, "toy")


def test_a_run_that_had_no_plan_hides_no_stage(store):
    """Stopped before its plan, as on a full disk, a run leaves the stages of the one before it to be shown."""
    run = Run.start(store, "toy")
    run.finish(1)
    assert (status(store)["run"]["id"], status(store)["stages"]) == (run.id, [])
    planned = Run.start(store, "toy")
    planned.emit("plan", stages=[{**STAGE, "action": "run"}], summary={"run": 1})
    planned.finish(130)
    Run.start(store, "toy").finish(1)
    found = status(store)
    assert ([stage["id"] for stage in found["stages"]], found["run"]["id"]) == (["sft"], planned.id)


def test_a_store_that_is_not_there_is_all_waiting(tmp_path):
    """Status of nothing is no error and makes nothing."""
    store = Store(tmp_path / "none")
    assert state(store)["state"] == "waiting"
    assert not store.root.exists()
