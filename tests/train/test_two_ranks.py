"""Two real processes that train together: lost, stopped, asked to end, and their files mixed up."""

import json
import os
import shutil
import signal
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip("torch")

from drdoctl.core.files import write_json
from drdoctl.engine import launch
from drdoctl.engine.ranks import _children, _rank, _stat
from drdoctl.engine.signals import Signals
from drdoctl.engine.stage import failure
from drdoctl.engine.watch import Watch
from drdoctl.store.folder import newest_checkpoint


def result(job):
    """Return the bytes of the weights and of the metrics."""
    return [Path(job.out, name).read_bytes() for name in ("model.safetensors", "metrics.jsonl")]


@pytest.fixture
def start(monkeypatch):
    """Return a function that runs a job as an apply does, does something to rank 1 at a step, and gives the ending."""
    monkeypatch.setattr(launch, "WORKER", "slow_worker")
    monkeypatch.setattr(launch, "LAUNCHER", "light_launcher")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    pids = []

    def run(job, number=None, steps=0, timeout=300.0):
        for name in ("stop", "stopped", "failure.json"):
            Path(job.out, name).unlink(missing_ok=True)
        job = replace(job, parent=os.getpid(), ticket=str(len(pids)))
        write_json(Path(job.out, "job.json"), asdict(job))
        process = launch.start(Path(job.out), job, offline=True)
        struck = []

        def follow(progress):
            if number is not None and not struck and progress["step"] >= begun + steps and sealed(job) > 1:
                ranks = {_rank(pid): pid for pid in _children(process.pid)}
                pids.extend(ranks.values())
                os.kill(ranks[1], number)
                struck.append(progress["step"])
                watch.timeout = timeout  # not before: importing takes long

        begun = newest_checkpoint(Path(job.out)) or 0
        with Signals() as signals:
            watch = Watch(process, Path(job.out), signals, 300.0, 60.0, 2, follow, lambda: None)
            ending = watch.wait()
        assert number is None or struck
        return ending

    yield run
    deadline = time.monotonic() + 10
    while any(_stat(pid)[:1] not in ([], ["Z"]) for pid in pids):
        assert time.monotonic() < deadline, "a rank is still there"
        time.sleep(0.05)


def sealed(job):
    """Return how many of a stage's checkpoints are whole."""
    return len(list(Path(job.out, "checkpoints").glob("step-*/manifest.json")))


def mix(job):
    """Put the second rank's file of the checkpoint before into the newest, and return the steps of both."""
    folders = sorted(Path(job.out, "checkpoints").glob("step-*"), key=lambda path: int(path.name[5:]), reverse=True)
    while not (folders[0] / "manifest.json").exists():
        shutil.rmtree(folders.pop(0))  # it was being written when the rank was killed
    newest, before, *_ = folders
    (own,) = newest.glob("*rank_1_*optim*")
    shutil.copyfile(before / own.name, own)
    return int(newest.name[5:]), int(before.name[5:])


@pytest.mark.slow
def test_whatever_befalls_a_rank_the_stage_ends_and_goes_on_to_the_same_bytes(make_job, start):
    """Hung, killed, asked to end, its file exchanged: each is named, no rank stays, and the result is the straight one.

    A stopped rank is found by the time-out with its step; a killed one is the cause though the other fails in gloo; a
    signal to one ends both at one step; a checkpoint whose files are of two steps is passed over for the one before.
    """
    resources = {"processes": 2, "zero_stage": 2, "checkpoint_steps": 1}
    straight = make_job("sft", "straight", resources=resources)
    assert start(straight).code == 0
    job = make_job("sft", "struck", resources={**resources, "timeout_minutes": 3 / 60})

    hung = start(job, signal.SIGSTOP, steps=2, timeout=3.0)
    assert hung.hung.startswith("rank 1 is stopped; rank ")
    steps = {rank: int(Path(job.out, "beats", rank).read_text()) for rank in "01"}
    assert "rank 1 was last heard of" in hung.hung
    assert f"after step {steps['1']}" in hung.hung
    assert "showed no progress for 0.05 minutes after step" in str(failure("sft", Path(job.out), hung, job.resources))

    killed = start(job, signal.SIGKILL, steps=1)
    assert (killed.signal, killed.rank) == (signal.SIGKILL, 1)
    fault = failure("sft", Path(job.out), killed, job.resources).faults[0]
    assert "rank 1 of `sft` was killed by signal 9" in fault.message
    assert "out of memory" in fault.hint

    newest, before = mix(job)
    asked = start(job, signal.SIGTERM)
    assert asked.stopped == "SIGTERM"
    notes = json.loads(Path(job.out, "progress.json").read_text())["notes"]
    assert notes == [f"the checkpoint at step {newest} is damaged or not whole: training goes on from step {before}"]
    stopped_at = newest_checkpoint(Path(job.out))
    assert stopped_at > before
    # the first speaks after its step, the others before theirs
    assert [int(Path(job.out, "beats", rank).read_text()) for rank in "01"] == [stopped_at, stopped_at - 1]

    assert start(job).code == 0
    assert result(job) == result(straight)
