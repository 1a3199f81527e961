"""drdoctl's side: a stage of the real engine, as its child process runs it."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.records import StepClock


def stage(job: dict[str, Any], warmup: int, folder: str, threads: int) -> dict[str, Any]:
    """Run the stage that a job describes, and return its steps' record; `threads` must be the job's own."""
    from drdoctl.core.progress import Progress
    from drdoctl.stages import Job

    told = replace(Job(**{**job, "warnings": ()}), out=str(Path(folder, "out")))
    if told.resources["threads"] != threads:
        raise ValueError(f"the job has {told.resources['threads']} threads, its peer {threads}")
    Path(told.out).mkdir()
    clock, tokens, losses = StepClock(warmup), [], []
    update = Progress.update

    def timed(self: Progress, step: int, steps: int, **more: Any) -> None:
        clock.tick()
        tokens.append(more["tokens"])
        losses.append(more["loss"])
        update(self, step, steps, **more)

    Progress.update = timed  # type: ignore[method-assign]  # the engine calls it once, after each step
    importlib.import_module(f"drdoctl.stages.{told.kind}").run(told)
    settings = {"align": "train", "sft": "student.sft"}.get(told.kind, told.kind)
    return clock.record(tokens, told.settings[f"{settings}.global_batch"], losses)


def waiting(**given: Any) -> dict[str, Any]:
    """Run the stage with training standing still until each checkpoint is sealed."""
    from drdoctl.train.checkpoint import Saver

    save = Saver.save

    def sealed(self: Saver, *what: Any) -> None:
        save(self, *what)
        self.wait()

    Saver.save = sealed  # type: ignore[method-assign]
    return stage(**given)
