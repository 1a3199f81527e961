"""Carry a plan out: for each stage that is not there yet, start its child, follow it, commit its artifact.

What happens is told once, as events: the journal gets them, and the screen is drawn from the same ones.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.errors import DrdoError, StageFailed, Stopped
from drdoctl.core.files import write_json
from drdoctl.engine import launch, stops
from drdoctl.engine.ahead import lacking
from drdoctl.engine.outcome import Outcome
from drdoctl.engine.pulling import Pull
from drdoctl.engine.ranks import Process
from drdoctl.engine.signals import Signals
from drdoctl.engine.stage import failure, is_there, job_for, leave, line, metrics_of, names, spent_before
from drdoctl.engine.start import Starter
from drdoctl.engine.watch import Ending, Watch
from drdoctl.engine.worker import as_dict
from drdoctl.plan.types import Plan, PlannedStage
from drdoctl.stages import Job
from drdoctl.stages.blueprint import is_pull
from drdoctl.store.artifact import Store
from drdoctl.store.run import Run

JOURNAL_SECONDS = 2.0
View = Callable[[str, Mapping[str, Any]], None]
"""(event, fields): every event of the journal as it happens, all progress, and `stopping` when a signal arrives."""


@dataclass(frozen=True)
class Options:
    """How to carry a plan out; none of it changes a result."""

    resources: Mapping[str, Any]
    """The spec's `resources`, plain and whole."""
    spec_name: str
    command: tuple[str, ...] = ()
    """The command line without the program: what resumes this."""
    keep_going: bool = False
    offline: bool = False
    verify: bool = False
    """Hash every input before use, however large."""
    zoo: str | None = None
    """Where `zoo/NAME` lives, for stages that are pulled."""
    warm: bool = False
    """Whether stages may be forked from one warm process."""


def execute(plan: Plan, store: Store, run: Run, view: View, options: Options) -> Outcome:
    """Carry the plan out in a store that this process holds.

    Returns what became of each stage. Raises `Stopped` (130, 143 or 75) when a signal asked for it.
    """
    return _Execution(plan, store, run, view, options).run_all()


class _Execution:
    def __init__(self, plan: Plan, store: Store, run: Run, view: View, options: Options) -> None:
        self.plan, self.store, self.run, self.view, self.options = plan, store, run, view, options
        self.outcome = Outcome()
        self._journaled = 0.0
        self._checkpoint: int | None = None
        self._saved = False
        self._noted: set[str] = set()
        self._starter = Starter(options.resources, offline=options.offline)

    def run_all(self) -> Outcome:
        """Carry out all stages."""
        try:
            return self._run_all()
        finally:
            self._starter.close()

    def _run_all(self) -> Outcome:
        self._tell("plan", stages=[line(stage) for stage in self.plan.stages], summary=self.plan.as_dict()["summary"])
        with Signals() as signals:
            if self.options.warm:
                ahead = [stage.want for stage in self.plan.stages if stage.action not in ("pull", "reuse")]
                self._starter.warm_up([want.kind for want in ahead if not is_there(self.store, want)])
            for stage in self.plan.stages:
                if signals.first is not None and (self.options.keep_going or not self.outcome.failed):
                    raise stops.between(signals.name, "no stage was at work", self.options.command)
                if stage.want.id in self.outcome.failed:
                    continue
                because = self._blocked(stage)
                if because:
                    self.outcome.skipped[stage.want.id] = because
                    self._tell("stage_skipped", **names(stage), because=because)
                    continue
                try:
                    self.outcome.done[stage.want.id] = self._one(stage, signals)
                    self._look_ahead(stage)
                except Stopped:
                    raise
                except DrdoError as error:
                    self._failed(stage, error)
        for text in self.store.warnings:
            self._tell("warning", message=text)
        return self.outcome

    def _look_ahead(self, done: PlannedStage) -> None:
        """Fail evaluations that finished data have no prompts for, before anything is trained to be measured."""
        for stage, error in lacking(self.plan.stages, done.want, self.store):
            if stage.want.id not in self.outcome.failed and (self.options.keep_going or not self.outcome.failed):
                self._failed(stage, error)

    def _blocked(self, stage: PlannedStage) -> list[str]:
        """Return the failed stages that keep this one from running."""
        failed = list(self.outcome.failed)
        if not self.options.keep_going:
            return failed if not is_there(self.store, stage.want) else []
        below = {want.id for want in stage.want.walk()}
        return [name for name in failed if name in below]

    def _one(self, stage: PlannedStage, signals: Signals) -> Path:
        want = stage.want
        if is_there(self.store, want):
            return self.store.path(want.artifact)
        if is_pull(want):
            return self._pull(stage, signals)
        (self.store.partial_path(want.artifact) / "failure.json").unlink(missing_ok=True)  # of an earlier apply
        try:
            with signals.raising():
                for other in want.inputs.values():
                    self.store.verify_input(other.artifact, full=self.options.verify)
        except KeyboardInterrupt:
            what = f"the inputs of `{want.id}` were being hashed"
            raise stops.between(signals.name, what, self.options.command, in_vain=not self._saved) from None
        before = self.store.partial(want.artifact)
        folder, resumes = self.store.open_partial(want)
        before = before if resumes else None
        if resumes and self.store.half_committed(want.artifact):
            return self._finished(stage, self.store.finish(want.artifact), 0.0)
        spent = spent_before(folder) if resumes else 0.0
        resources, offline = self.options.resources, self.options.offline
        job = job_for(want, folder, self.store, resources, offline=offline, spent=spent)
        write_json(folder / "job.json", asdict(job))
        self._announce(stage, folder, before)
        process = self._starter.start(folder, job, signals)
        began = time.monotonic()  # what the warm process imports before it forks the first is no stage's time
        ending = self._wait(stage, folder, job, process, signals)
        seconds = job.spent + time.monotonic() - began
        self._judge(stage, folder, ending, signals.name or ending.stopped, before)
        path = self.store.commit(want, self.options.spec_name, metrics_of(folder, stage.estimate), seconds)
        return self._finished(stage, path, seconds)

    def _wait(self, stage: PlannedStage, folder: Path, job: Job, process: Process, signals: Signals) -> Ending:
        resources = job.resources
        return Watch(
            process,
            folder,
            signals,
            timeout=60 * float(resources["timeout_minutes"]),
            grace=60 * float(resources["grace_minutes"]),
            processes=launch.processes(job.kind, resources),
            follow=lambda progress: self._progress(stage, progress),
            stopping=lambda: self._stopping(stage, signals.name),
        ).wait()

    def _stopping(self, stage: PlannedStage, name: str) -> None:
        """Tell the view, not the journal, that a signal was heard, and how long the stage has to end."""
        unit = (self.store.partial(stage.want.artifact) or {}).get("unit", "step")
        minutes = self.options.resources["grace_minutes"]
        self.view("stopping", {**names(stage), "signal": name, "minutes": minutes, "unit": unit})

    def _judge(
        self, stage: PlannedStage, folder: Path, ending: Ending, name: str | None, before: Mapping[str, Any] | None
    ) -> None:
        """Raise what the ending means, unless the stage ended well. `before`: what was there when it started."""
        if ending.stopped is not None or ending.killed:
            self._tell("stage_stopped", **names(stage), signal=name or "SIGTERM")
            now, minutes = self.store.partial(stage.want.artifact), float(self.options.resources["grace_minutes"])
            cut = stops.Cut(stage.want.id, name or "", ending, before, now, self._saved, minutes)
            raise cut.error(self.options.command)
        if ending.code != 0 or ending.signal or ending.hung is not None:
            raise failure(stage.want.id, folder, ending, self.options.resources)

    def _pull(self, stage: PlannedStage, signals: Signals) -> Path:
        began = time.monotonic()
        pull = Pull(self.store, stage.want, self.options.resources, offline=self.options.offline)
        self._announce(stage, pull.folder, None)
        try:
            with signals.raising():
                path = pull.bring(
                    self.options.zoo,
                    note=lambda text: self._note(f"`{stage.want.id}`: {text}"),
                    follow=lambda progress: self._progress(stage, progress),
                )
        except KeyboardInterrupt:
            self._tell("stage_stopped", **names(stage), signal=signals.name)
            what = f"`{stage.want.id}` was being pulled; the files that had come whole are kept"
            in_vain = not (self._saved or pull.further)
            raise stops.between(signals.name, what, self.options.command, in_vain=in_vain) from None
        return self._finished(stage, path, time.monotonic() - began)

    def _announce(self, stage: PlannedStage, folder: Path, partial: Mapping[str, Any] | None) -> None:
        self._checkpoint = partial["checkpoint"] if partial else None
        self._tell("stage_started", **names(stage), log=str(folder / "log.txt"))
        if partial is not None and partial["step"]:
            fields = {key: partial[key] for key in ("step", "steps", "unit")}
            self._tell("stage_resumed", **names(stage), **fields)

    def _progress(self, stage: PlannedStage, progress: Mapping[str, Any]) -> None:
        fields = {
            key: progress.get(key) for key in ("step", "steps", "unit", "loss", "tokens_per_second", "seconds_left")
        }
        self.view("stage_progress", {**names(stage), **fields})
        for note in progress.get("notes", ()):
            self._note(f"`{stage.want.id}`: {note}")
        checkpoint = progress.get("checkpoint")
        if checkpoint is not None and checkpoint != self._checkpoint:
            self._saved = True
            self._tell("stage_checkpoint", **names(stage), step=checkpoint)
        self._checkpoint = checkpoint
        if time.monotonic() - self._journaled >= JOURNAL_SECONDS:
            self._journaled = time.monotonic()
            self.run.emit("stage_progress", **names(stage), **fields)

    def _note(self, text: str) -> None:
        """Pass on what a child says, once."""
        if text not in self._noted:
            self._noted.add(text)
            self._tell("warning", message=text)

    def _finished(self, stage: PlannedStage, path: Path, seconds: float) -> Path:
        self._saved = True
        self._tell("stage_finished", **names(stage), path=str(path), seconds=round(seconds, 3))
        return path

    def _failed(self, stage: PlannedStage, error: DrdoError) -> None:
        self.outcome.failed[stage.want.id] = error
        leave(self.store, stage.want, self.options.resources, error)
        log = self.store.partial_path(stage.want.artifact) / "log.txt"
        fields = {**names(stage), "faults": [as_dict(fault) for fault in error.faults], "log": str(log)}
        with contextlib.suppress(StageFailed):  # a disk too full for the journal must not hide what went wrong
            self.run.emit("stage_failed", **fields)
        self.view("stage_failed", fields)

    def _tell(self, event: str, **fields: Any) -> None:
        self.run.emit(event, **fields)
        self.view(event, fields)
