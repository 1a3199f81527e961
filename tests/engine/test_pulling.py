"""Stages that are pulled from the zoo: told like any other while they work, when they fail, and when they are cut."""

import os
import signal
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import IntegrityError, Stopped
from drdoctl.doctor.examine import examine
from drdoctl.engine.execute import Options, execute
from drdoctl.plan.types import Estimate, Plan, PlannedStage, Reason
from drdoctl.stages import Want
from drdoctl.store.lock import hold
from drdoctl.store.run import Run
from drdoctl.store.status import status

WANT = Want("oracle", 1, {}, locations={"zoo": {"ref": "zoo/oracle"}})
STAGE = {"id": WANT.id, "kind": WANT.kind, "artifact": WANT.artifact}


@pytest.fixture
def pulling(store, toy, monkeypatch):
    """Return a function that carries out a plan whose one stage is pulled, in the way that is given."""

    def run(pull):
        monkeypatch.setattr("drdoctl.zoo.pull.pull_into", pull)
        plan = Plan({"name": "toy"}, (PlannedStage(WANT, "pull", Reason("new", "new"), Estimate()),))
        seen = []
        options = Options(toy.RESOURCES, "toy", ("apply", "toy.yaml"))
        with hold(store.root):
            found = execute(plan, store, Run.start(store, "toy"), lambda event, _: seen.append(event), options)
        return found, seen

    return run


def state(store):
    """Return how the stage is told."""
    return status(store, [STAGE])["stages"][0]


def test_a_pull_at_work_is_running(store, pulling):
    """While files come, the stage is running and says how many are whole; afterwards no folder in progress is left."""
    seen = []

    def pull(_store, want, *, report, **_):
        seen.append(state(store))
        report("model.safetensors", 10)
        seen.append(state(store))
        made, _ = store.open_partial(want)
        (made / "model.safetensors").write_text("weights")
        (made / "job.json").unlink()
        return store.commit(want, "toy", {}, 1)

    outcome, events = pulling(pull)
    assert [(one["state"], one["step"], one["pid"]) for one in seen] == [
        ("running", 0, os.getpid()),
        ("running", 1, os.getpid()),
    ]
    assert seen[1]["unit"] == "file"
    assert outcome.exit_code == 0
    assert state(store)["state"] == "done"
    assert events == ["plan", "stage_started", "stage_progress", "stage_finished"]
    assert [path.name for path in store.artifacts.iterdir()] == [WANT.artifact]


def test_a_pull_that_fails_says_why(store, pulling):
    """A blob that is not as its card says is a failed stage: in `status`, with the log's path, and for `doctor`."""

    def pull(*_, **__):
        raise IntegrityError("`model.safetensors` has another sha256", code="zoo-file", hint="tell whoever publishes")

    outcome, events = pulling(pull)
    assert outcome.exit_code == 5
    assert events[-1] == "stage_failed"
    told = state(store)
    assert (told["state"], told["faults"][0]["message"]) == ("failed", "`model.safetensors` has another sha256")
    assert "another sha256" in Path(told["log"]).read_text()
    found = examine(store, [STAGE])["findings"]
    assert [(row["code"], row["advice"]) for row in found] == [("stage-failed", "tell whoever publishes")]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 1)])
def test_a_pull_is_cut_by_a_signal(store, pulling, number, code):
    """A signal in the middle of a download ends it at once, with the code and what is kept."""

    def pull(*_, **__):
        os.kill(os.getpid(), number)
        time.sleep(60)

    with pytest.raises(Stopped) as stopped:
        pulling(pull)
    assert stopped.value.exit_code == code
    assert "`oracle` was being pulled; the files that had come whole are kept" in stopped.value.faults[0].message
    assert ("nothing was saved since this apply began" in str(stopped.value)) == (code == 1)
    assert state(store)["state"] == "interrupted"


def test_a_pull_is_requeued_only_if_it_came_further(pulling):
    """A file that came whole is kept and counts as saved; the next apply that brings no more than that ends with 1."""

    def pull(files):
        def bring(*_, report, **__):
            for number in range(files):
                report(f"part-{number}", 1)
            os.kill(os.getpid(), signal.SIGUSR1)
            time.sleep(60)

        return bring

    codes = []
    for files in (1, 1, 2, 0, 2):
        with pytest.raises(Stopped) as stopped:
            pulling(pull(files))
        codes.append(stopped.value.exit_code)
    assert codes == [75, 1, 75, 1, 1]


def test_what_a_refused_pull_had_is_not_counted(pulling):
    """A pull that was refused kept nothing: the next one's first file is progress."""

    def refuse(*_, report, **__):
        report("part-0", 1)
        report("part-1", 1)
        raise IntegrityError("`part-2` has another sha256", code="zoo-file")

    def cut(*_, report, **__):
        report("part-0", 1)
        os.kill(os.getpid(), signal.SIGUSR1)
        time.sleep(60)

    assert pulling(refuse)[0].exit_code == 5
    with pytest.raises(Stopped) as stopped:
        pulling(cut)
    assert stopped.value.exit_code == 75
