"""The sft stage: negative log-likelihood of the responses that are to be imitated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from drdoctl.methods import LossOut
from drdoctl.stages import Job
from drdoctl.train.forward import Outputs, given
from drdoctl.train.loop import Task, train
from drdoctl.train.losses import nll
from drdoctl.train.rows import TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.schedule import total_steps
from drdoctl.train.trainee import load_trainee, save_student

WARMUP_STEPS = 100
"""The papers' warm-up of SFT; at most a tenth of the steps."""


def loss(outputs: Outputs, rows: np.ndarray, stats: Mapping[str, float]) -> LossOut:  # noqa: ARG001
    """Mean negative log-likelihood a response token, one value a row."""
    return nll(given(outputs.logp), outputs.tokens)


def _rows(job: Job) -> TokenRows:
    """Demonstrations (or references) where the data stage wrote them, else the pairs' chosen responses."""
    own = (job.input("data") / "sft.parquet").exists()
    return TokenRows(job.input("data"), "sft" if own else "train", "student", ("chosen",))


def _settings(job: Job, rows: int) -> dict[str, Any]:
    settings = job.section("student.sft")
    if settings["warmup_steps"] is None and settings["warmup_ratio"] is None:
        settings["warmup_steps"] = min(WARMUP_STEPS, total_steps(settings, rows) // 10)
    return settings


def run(job: Job) -> None:
    """Fine-tune the student's base model."""
    seed = job.settings["seed"]
    world = start(job.resources, seed, group=True)
    rows = _rows(job)
    task = Task(
        rows=rows, loss=loss, settings=_settings(job, len(rows)), seed=seed, dtype=job.settings["student.dtype"]
    )
    policy = load_trainee(job, "student", world.device)
    train(job, world, policy, task, lambda done: save_student(done, job))
