"""SIGKILL in every kind of stage, real stages in real processes: what comes of it is what comes without."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from random import Random

import pytest

from drdoctl.core.files import write_json
from drdoctl.core.metrics import read_metrics
from drdoctl.engine import launch
from drdoctl.engine.stage import job_for
from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.diff import diff
from drdoctl.spec.facts import Facts
from drdoctl.spec.load import load
from drdoctl.stages import Job
from drdoctl.store.artifact import Store
from drdoctl.store.folder import newest_checkpoint

EVERY = 2
SPEC = f"""\
version: 1
name: killed
data:
  source: {{name: notes, train: 40, eval: 12, sft: 24, prompts: 16}}
  max_prompt_tokens: 48
  max_tokens: 80
student:
  model: {{model_type: llama, hidden_size: 16, layers: 1, heads: 2, max_positions: 96}}
  sft: {{max_steps: 8, global_batch: 8, learning_rate: 1.0e-2}}
oracle: {{model: sft, max_steps: 8, global_batch: 8, learning_rate: 1.0e-2}}
train: {{max_steps: 8, global_batch: 8, learning_rate: 1.0e-2}}
matrix: {{method: [drdo, dpo]}}
evaluate:
  - {{name: true-reward, temperatures: [0.7], max_new_tokens: 6}}
  - {{name: pair-accuracy}}
resources: {{device: cpu, threads: 1, micro_tokens: 200, checkpoint_steps: {EVERY}}}
"""
"""More than one epoch of `align` and `oracle`, two and more of `sft`; several micro-batches a step."""
STEP, SEAL = "drdoctl.train.loop:Trainer._one_step", "drdoctl.train.checkpoint:seal"
PIECE, SAMPLE = "drdoctl.train.chunks:Chunks._one", "drdoctl.train.responses:Sampler._one"
CHUNK, WRITE = "drdoctl.data._spool:_table", "drdoctl.data._build:_write"


class House:
    """A plan, the store that holds what it gives undisturbed, and a process that forks stages."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "spec.yaml").write_text(SPEC)
        self.peace = Store(folder / "peace")
        self.peace.prepare()
        loaded = load(folder / "spec.yaml")
        facts = Facts(loaded.base, self.peace.root, None)
        self.resources = loaded.spec.resources.model_dump(mode="json")
        plan = diff(wanted(loaded.spec, facts), self.peace, loaded)
        self.wants = {stage.want.id: stage.want for stage in plan.stages}
        self.nursery = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("nursery.py"))],
            env={**launch.environment("sft", self.resources, offline=True), "DS_ACCELERATOR": "cpu"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def begin(self, store, name, **resources):
        """Open a stage's folder; its job goes on with what lies there."""
        want = self.wants[name]
        folder, _ = store.open_partial(want)
        job = job_for(want, folder, store, {**self.resources, **resources}, offline=True, spent=0.0)
        write_json(folder / "job.json", {**asdict(job), "parent": 0})
        return folder

    def run(self, store, name, *, fault=None, trace=None, **resources):
        """Run a stage once and return its processes' exit codes."""
        folder, ranks = self.begin(store, name, **resources), resources.get("processes", 1)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        path = folder / "job.json"
        order = {"job": str(path), "ticket": Job.read(path).ticket, "ranks": ranks, "port": port, "seconds": 120.0}
        self.nursery.stdin.write(json.dumps({**order, "fault": fault, "trace": trace and str(trace)}) + "\n")
        self.nursery.stdin.flush()
        return json.loads(self.nursery.stdout.readline())

    def finish(self, store, name, **how):
        """Run a stage to its end, commit it, and return what its manifest says of its files."""
        codes = self.run(store, name, **how)
        log = (store.partial_path(self.wants[name].artifact) / "log.txt").read_text()
        assert codes == [0] * how.get("processes", 1), log[-3000:]
        store.commit(self.wants[name], "killed", {}, 0.0)
        return self.files(store, name)

    def files(self, store, name):
        """Return the files of a finished stage as its manifest has them."""
        return store.manifest(self.wants[name].artifact)["files"]

    def beside(self, folder, name):
        """Return a store that has what a stage reads."""
        store = Store(folder)
        store.prepare()
        for other in self.wants[name].inputs.values():
            store.path(other.artifact).symlink_to(self.peace.path(other.artifact))
        return store


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Return the house, with all stages finished in peace."""
    made = House(tmp_path_factory.mktemp("killed"))
    try:
        for name in made.wants:
            made.finish(made.peace, name)
        yield made
    finally:
        made.nursery.kill()
        made.nursery.wait()


def fault(at, call, seconds=0.0, rank=0, number=signal.SIGKILL):
    """Return an order to be struck by a signal."""
    return {"at": at, "call": call, "seconds": seconds, "rank": rank, "number": number}


def kills(seed, *places):
    """Return as many faults as places, each at a drawn call and shortly after it. `places`: (function, first, last)."""
    draw = Random(seed)  # noqa: S311
    return [fault(at, draw.randint(first, last), draw.uniform(0, 0.01)) for at, first, last in places]


CASES = {
    "data": ((CHUNK, 1, 6), (WRITE, 1, 1)),
    "sft": ((STEP, 5, 6), (SEAL, 1, 1), (STEP, 1, 1)),
    "oracle": ((STEP, 5, 6), (SEAL, 1, 1)),
    "rewards": ((PIECE, 2, 4), (PIECE, 1, 2)),
    "logps": ((PIECE, 2, 4), (PIECE, 1, 2)),
    "align[drdo]": ((STEP, 5, 6), (SEAL, 1, 1)),
    "align[dpo]": ((STEP, 5, 6), (STEP, 1, 2)),
    "evaluate[drdo]": ((SAMPLE, 2, 3), (PIECE, 1, 1)),
}
"""Step 5 begins when the checkpoint of step 2 is sealed: what is gone on with is never the start."""


@pytest.mark.parametrize("name", CASES)
def test_killed_and_resumed_gives_the_same_bytes(house, tmp_path, name):
    """A stage that SIGKILL ends again and again at drawn moments leaves every file as if nothing had been."""
    store = house.beside(tmp_path / "store", name)
    for blow in kills(name, *CASES[name]):
        assert house.run(store, name, fault=blow) == [-9]
    folder = store.partial_path(house.wants[name].artifact)
    assert newest_checkpoint(folder) or not (folder / "metrics.jsonl").exists()
    assert house.finish(store, name) == house.files(house.peace, name)


@pytest.mark.parametrize(
    ("name", "at", "number"),
    [
        ("data", CHUNK, signal.SIGTERM),
        ("sft", STEP, signal.SIGUSR1),
        ("oracle", STEP, signal.SIGINT),
        ("rewards", PIECE, signal.SIGTERM),
        ("logps", PIECE, signal.SIGUSR1),
        ("align[drdo]", SEAL, signal.SIGTERM),
        ("evaluate[dpo]", SAMPLE, signal.SIGINT),
    ],
)
def test_asked_to_stop_it_saves_all_and_goes_on_to_the_same_bytes(house, tmp_path, name, at, number):
    """SIGINT, SIGTERM or SIGUSR1 to a stage's process ends it with 75, all it did saved, and no byte differs."""
    store = house.beside(tmp_path / "store", name)
    assert house.run(store, name, fault=fault(at, 2, number=number)) == [75]
    folder = store.partial_path(house.wants[name].artifact)
    assert (folder / "stopped").read_text() == number.name
    assert len(read_metrics(folder / "metrics.jsonl")) == (newest_checkpoint(folder) or 0)
    assert house.finish(store, name) == house.files(house.peace, name)


@pytest.mark.parametrize(("name", "at"), [("rewards", PIECE), ("logps", PIECE), ("evaluate[dpo]", SAMPLE)])
def test_finished_pieces_are_not_computed_again(house, tmp_path, name, at):
    """Killed when its n-th piece begins, a pass leaves n - 1 pieces, and the next one computes only the others."""
    store = house.beside(tmp_path / "store", name)
    assert house.run(store, name, fault=fault(at, 3)) == [-9]
    folder = store.partial_path(house.wants[name].artifact)
    left = {path: path.stat().st_ino for path in (folder / "work").rglob("[0-9]*") if path.is_file()}
    assert len(left) >= 2
    house.run(store, name, fault=fault(at, 2))
    assert {path: path.stat().st_ino for path in left if path.exists()} == left
    assert house.finish(store, name) == house.files(house.peace, name)


def steps_of(path):
    """Return the rows of each step in a trace, sorted."""
    steps = {}
    for line in path.read_text().splitlines():
        found = json.loads(line)
        steps.setdefault(found["step"], []).extend(found["rows"])
    return {step: sorted(rows) for step, rows in steps.items()}


def test_both_halves_take_the_rows_of_the_whole(house, tmp_path):
    """Up to the checkpoint the killed run, and from there the resumed one, take the rows of an undisturbed run."""
    whole = house.beside(tmp_path / "whole", "align[dpo]")
    house.finish(whole, "align[dpo]", trace=tmp_path / "whole.trace")
    store = house.beside(tmp_path / "store", "align[dpo]")
    assert house.run(store, "align[dpo]", fault=fault(STEP, 8), trace=tmp_path / "first.trace") == [-9]
    saved = newest_checkpoint(store.partial_path(house.wants["align[dpo]"].artifact))
    house.finish(store, "align[dpo]", trace=tmp_path / "second.trace")
    wanted, first, second = (steps_of(tmp_path / f"{name}.trace") for name in ("whole", "first", "second"))
    assert sorted(wanted) == list(range(1, 9))
    assert len(set(map(tuple, wanted.values()))) == 8
    assert sorted(second) == list(range(saved + 1, 9))
    assert {**{step: rows for step, rows in first.items() if step <= saved}, **second} == wanted


def test_no_more_than_two_intervals_are_taken_again(house, tmp_path):
    """Wherever SIGKILL comes, work goes on at the newest sealed checkpoint or the one that was being sealed."""
    store = house.beside(tmp_path / "store", "sft")
    folder = store.partial_path(house.wants["sft"].artifact)
    saved = 0
    for steps in (6, 3, 2):  # since the checkpoint before
        assert house.run(store, "sft", fault=fault(STEP, steps)) == [-9]
        taken, before = len(read_metrics(folder / "metrics.jsonl")), saved
        saved = newest_checkpoint(folder) or 0
        assert taken == before + steps - 1
        assert taken - saved < 2 * EVERY
    assert house.finish(store, "sft") == house.files(house.peace, "sft")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "zero_stage", "rank"),
    [
        ("sft", 1, 0),
        ("sft", 2, 1),
        ("oracle", 0, 1),
        ("oracle", 3, 0),
        ("align[drdo]", 0, 0),
        ("align[drdo]", 2, 1),
        ("align[dpo]", 1, 1),
        ("align[dpo]", 3, 0),
    ],
)
def test_two_processes_killed_and_resumed_give_the_same_bytes(house, tmp_path, name, zero_stage, rank):
    """At every ZeRO stage, one of two ranks may be killed in a step or while a checkpoint is sealed."""
    how = {"processes": 2, "zero_stage": zero_stage}
    straight = house.finish(house.beside(tmp_path / "straight", name), name, **how)
    store = house.beside(tmp_path / "store", name)
    [blow] = kills(f"{name}{zero_stage}", (STEP, 5, 8))
    codes = house.run(store, name, fault={**blow, "rank": rank}, **how)
    assert codes[rank] == -9
    assert codes[1 - rank] in (-9, 1)  # killed after it, or it missed its peer before that
    assert newest_checkpoint(store.partial_path(house.wants[name].artifact))
    assert house.finish(store, name, **how) == straight


@pytest.mark.parametrize("rank", [0, 1])
def test_a_signal_to_one_of_two_processes_stops_both_at_one_step(house, tmp_path, rank):
    """Whichever rank is asked to stop, both end well after the same step, saved, and go on to the same bytes."""
    how = {"processes": 2, "zero_stage": 1}
    straight = house.finish(house.beside(tmp_path / "straight", "sft"), "sft", **how)
    store = house.beside(tmp_path / "store", "sft")
    blow = fault(STEP, 3, rank=rank, number=signal.SIGTERM)
    assert house.run(store, "sft", fault=blow, trace=tmp_path / "trace", **how) == [0, 0]
    folder = store.partial_path(house.wants["sft"].artifact)
    saved = newest_checkpoint(folder)
    assert (folder / "stopped").read_text() == "SIGTERM"
    assert 3 <= saved == len(read_metrics(folder / "metrics.jsonl")) < 8
    assert {step: len(rows) for step, rows in steps_of(tmp_path / "trace").items()} == dict.fromkeys(
        range(1, saved + 1), 8
    )
    assert house.finish(store, "sft", **how) == straight


@pytest.mark.parametrize(("name", "at"), [("rewards", PIECE), ("logps", PIECE), ("evaluate[dpo]", SAMPLE)])
def test_two_processes_share_pieces_and_one_is_killed(house, tmp_path, name, at):
    """Of two processes that score or sample one is killed; what they leave in the end are the bytes of one process."""
    store = house.beside(tmp_path / "store", name)
    assert house.run(store, name, fault=fault(at, 2, 0.005, rank=1), processes=2) == [-9, -9]
    assert house.finish(store, name, processes=2) == house.files(house.peace, name)
