"""What is struck: one stage as an apply carries it out, and the saving of a plan, each in one process and thread."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from chaos._inject import UNCLEAR, forked
from drdoctl.cli import run as drdoctl
from drdoctl.core.errors import DrdoError
from drdoctl.core.files import write_json
from drdoctl.core.imports import import_all
from drdoctl.engine import worker
from drdoctl.engine.stage import failure, job_for, line, spent_before
from drdoctl.engine.watch import Ending
from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.diff import diff
from drdoctl.plan.saved import load_saved
from drdoctl.spec.facts import Facts
from drdoctl.spec.load import load
from drdoctl.store.artifact import Store
from drdoctl.store.lock import hold
from drdoctl.store.run import Run

SPEC = """\
version: 1
name: kills
seed: 7
data:
  source: {name: notes, train: 48, eval: 8, sft: 16, prompts: 8}
  max_prompt_tokens: 48
  max_tokens: 80
student:
  model: {model_type: llama, hidden_size: 8, layers: 1, heads: 1, max_positions: 128}
  sft: {max_steps: 3, global_batch: 8, learning_rate: 5.0e-3}
oracle: {model: sft, max_steps: 2, global_batch: 8, learning_rate: 1.0e-3}
method: {name: drdo}
train: {max_steps: 2, global_batch: 8, learning_rate: 3.0e-4}
resources: {device: cpu, threads: 1, checkpoint_steps: 1, keep: 1}
"""


class Inline(threading.Thread):
    """A thread that does its work when it is started, so that the n-th call of a process is always the same one.

    For the thread that seals checkpoints.
    """

    def start(self) -> None:
        """Do it."""
        self.run()

    def join(self, timeout: float | None = None) -> None:
        """Return, for it has been done."""


class Act(ABC):
    """Something that changes files and may be struck anywhere: made anew, done, and gone on with."""

    def __init__(self, work: Path) -> None:
        """`work`: a folder for all it writes."""
        self.work, self.root, self.log = work, work / "store", work / "log.txt"
        self.spec = work / "kills.yaml"
        work.mkdir(parents=True, exist_ok=True)
        self.spec.write_text(SPEC, encoding="utf-8")

    def status(self) -> int:
        """Return the exit code of `drdoctl status`."""
        return drdoctl(["status", str(self.spec), "--store", str(self.root), "--offline"])

    @abstractmethod
    def prepare(self) -> None:
        """Lay out the state before it."""

    def run(self) -> int:
        """Do it, or go on with it, and return the exit code; `UNCLEAR` where a user would not learn what was wrong."""
        try:
            return self.do()
        except DrdoError as error:
            print(error)
            return UNCLEAR if error.faults[0].code in ("stage-crashed", "stage-died") else error.exit_code
        except OSError as error:
            traceback.print_exc()
            return UNCLEAR if error.filename is None else 1

    @abstractmethod
    def do(self) -> int:
        """Do it, or go on with it, and return the exit code."""

    @abstractmethod
    def holds(self) -> str | None:
        """Return what is wrong with what lies there, or None: it is the old state or the new one, and can be read."""

    @abstractmethod
    def ends_equal(self) -> bool:
        """Whether what lies there is what an undisturbed run leaves."""


class StageAct(Act):
    """A stage from the lock on the store to the end of the journal."""

    def __init__(self, work: Path, stage: str) -> None:
        """`stage`: its id; those that it rests on are made once for all, and itself too, for comparison."""
        super().__init__(work)
        self.straight = work.parent / "straight"
        options = ["--store", str(self.straight), "--offline", "-q"]
        made = [sys.executable, "-m", "drdoctl", "apply", str(self.spec), "--auto-approve", *options]
        subprocess.run(made, check=True, env={**os.environ, "CI": "1"}, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
        loaded = load(self.spec)
        self.resources = loaded.spec.resources.model_dump(mode="json")
        store = Store(self.straight)
        plan = diff(wanted(loaded.spec, Facts(loaded.base, self.straight)), store, loaded)
        self.stage = next(one for one in plan.stages if one.want.id == stage)
        self.wanted = self._files(store)
        import_all(worker.modules(self.stage.want.kind))

    def _files(self, store: Store) -> Any:
        return (store.manifest(self.stage.want.artifact) or {}).get("files")

    def prepare(self) -> None:
        """Make a store in which the stage is the next to run."""
        shutil.rmtree(self.root, ignore_errors=True)
        store = Store(self.root)
        store.prepare()
        for want in self.stage.want.inputs.values():
            made = Store(self.straight).path(want.artifact)
            shutil.copytree(made, store.path(want.artifact), copy_function=os.link)

    def do(self) -> int:
        """Do what an apply does with the stage, and what its child does."""
        checkpoint: Any = sys.modules.get("drdoctl.train.checkpoint")
        if checkpoint is not None:
            checkpoint.threading = SimpleNamespace(Thread=Inline)
        store, want = Store(self.root), self.stage.want
        store.prepare()
        with hold(store.root):
            journal = Run.start(store, "kills")
            journal.emit("plan", stages=[line(self.stage)], summary={})
            if store.manifest(want.artifact) is None:
                self._make(store)
            journal.finish(0)
        return 0

    def _make(self, store: Store) -> None:
        want = self.stage.want
        folder, resumes = store.open_partial(want)
        if resumes and store.half_committed(want.artifact):
            store.finish(want.artifact)
            return
        job = job_for(want, folder, store, self.resources, offline=True, spent=spent_before(folder))
        write_json(folder / "job.json", asdict(job))
        try:
            sys.modules[f"drdoctl.stages.{want.kind}"].run(job)
        except Exception as error:  # the child's side, and then its parent's
            code = worker.report(job, error)
            raise failure(want.id, folder, Ending(code), self.resources) from error
        store.commit(want, "kills", {}, 0.0)

    def holds(self) -> str | None:
        """Return what is wrong with what lies there now, or None: it is the artifact, or nothing is."""
        store = Store(self.root)
        if store.manifest(self.stage.want.artifact) is not None:
            store.verify(self.stage.want.artifact)
        return "a broken manifest is there" if store.warnings else None

    def ends_equal(self) -> bool:
        """Whether the artifact is there and what an undisturbed run makes."""
        store = Store(self.root)
        found = self._files(store)
        if found is not None:
            store.verify(self.stage.want.artifact)
        return bool(found == self.wanted)


class PlanAct(Act):
    """`drdoctl plan --out` over an older plan."""

    def __init__(self, work: Path) -> None:
        super().__init__(work)
        import_all(["drdoctl.cli.plan", "drdoctl.cli.status"])
        self.file = work / "plan.json"
        self.old, self.new = self._saved("seed=7"), self._saved("seed=8")

    def _saved(self, change: str) -> bytes:
        shutil.rmtree(self.root, ignore_errors=True)
        forked(lambda: self._plan(change), self.log)
        return self.file.read_bytes()

    def _plan(self, change: str) -> int:
        words = ["plan", str(self.spec), "--set", change, "--out", str(self.file), "--store", str(self.root)]
        return drdoctl([*words, "--offline", "-q"])

    def prepare(self) -> None:
        """Put the older plan there."""
        self.file.write_bytes(self.old)

    def do(self) -> int:
        """Save the newer one."""
        return self._plan("seed=8")

    def holds(self) -> str | None:
        """Return what is wrong with the file, or None: it is the older plan or the newer one, and can be read."""
        load_saved(self.file)
        return None if self.file.read_bytes() in (self.old, self.new) else "neither the old plan nor the new one"

    def ends_equal(self) -> bool:
        """Whether the newer plan is there."""
        return self.file.read_bytes() == self.new


ACTS: dict[str, Callable[[Path], Act]] = {
    "sft": lambda work: StageAct(work, "sft"),
    "rewards": lambda work: StageAct(work, "rewards"),
    "plan": PlanAct,
}
