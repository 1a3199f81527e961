"""The align stage: a method's loss over cached rewards and log-probabilities. No oracle and no reference in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from drdoctl.core.errors import IntegrityError
from drdoctl.methods import MISMATCHED, LossOut, Method, PairNumbers, methods
from drdoctl.stages import Job
from drdoctl.train.columns import numbers, read
from drdoctl.train.forward import Outputs, given
from drdoctl.train.loop import Look, Loss, Task, train
from drdoctl.train.models import Policy, new_head
from drdoctl.train.rows import MismatchedRows, TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.schedule import mismatched
from drdoctl.train.trainee import load_trainee, save_student

HEAD_GRADIENT_SCALE = 1e-3
"""Takes the head out of the trunk's clipping norm; AdamW's step does not depend on a constant factor."""


class Cached:
    """The training pairs' cached numbers, in row order, checked against the rows' ids."""

    def __init__(self, job: Job, method: Method, ids: pa.ChunkedArray) -> None:
        """Read what the method needs from the `rewards` and `logps` artifacts. `ids`: those of the training data."""
        self.margin = self.margin_std = self.ref = self.mismatched = None
        if "rewards" in job.inputs:
            table = _table(job.input("rewards"), ids)
            members = range(max(1, method.oracle_members))
            self.margin = np.stack([table[f"chosen_{k}"] - table[f"rejected_{k}"] for k in members], axis=1)
            self.margin_std = torch.from_numpy(self.margin.astype(np.float64).std(axis=0)).float()
        if "logps" in job.inputs:
            self.ref = _logps(job.input("logps"), ids)
        if "mismatched" in job.inputs:
            self.mismatched = _logps(job.input("mismatched"), ids)

    def numbers(
        self,
        outputs: Outputs,
        rows: np.ndarray,
        stats: Mapping[str, float],
    ) -> PairNumbers:
        """Join a micro-batch's outputs with its cached numbers."""
        device = outputs.tokens.device
        margin = torch.from_numpy(self.margin[rows]).float().to(device) if self.margin is not None else None
        ref = torch.from_numpy(self.ref[rows]).to(device) if self.ref is not None else None
        logp, reward = given(outputs.logp), outputs.reward
        return PairNumbers(
            chosen_logp=logp[0::2],
            rejected_logp=logp[1::2],
            chosen_tokens=outputs.tokens[0::2],
            rejected_tokens=outputs.tokens[1::2],
            oracle_margin=margin,
            ref_chosen_logp=ref[:, 0] if ref is not None else None,
            ref_rejected_logp=ref[:, 1] if ref is not None else None,
            chosen_reward=reward[0::2] if reward is not None else None,
            rejected_reward=reward[1::2] if reward is not None else None,
            margin_std=self.margin_std.to(device) if self.margin_std is not None else None,
            stats=dict(stats),
        )


def _logps(folder: Path, ids: pa.ChunkedArray) -> np.ndarray:
    table = _table(folder, ids)
    return np.stack([table["chosen_logp"], table["rejected_logp"]], axis=1)


def _table(folder: Path, ids: pa.ChunkedArray) -> dict[str, np.ndarray]:
    table = read(folder / "train.parquet")
    if not table.column("id").equals(ids):
        raise IntegrityError(
            f"the rows of `{folder.name}` are not those of the training data",
            code="other-rows",
            hint=f"delete `{folder}` and run the same command again",
        )
    return {name: numbers(table.column(name)) for name in table.column_names if name != "id"}


def _method(job: Job) -> Method:
    fields = {**job.section("method"), "learning_rate": None}
    return methods()[fields["name"]].model_validate(fields)


def _prepare(policy: Policy, job: Job, method: Method) -> Policy:
    """Give the student its reward head where the method distils through one."""
    if not method.needs_head:
        policy.head = None
        return policy
    policy.head = new_head(policy.lm.config, job.settings["seed"])
    policy.head.weight.register_hook(lambda gradient: gradient * HEAD_GRADIENT_SCALE)
    policy.detach_trunk = method.detaches_trunk
    return policy


def _look(job: Job, method: Method, rows: TokenRows, cached: Cached, loss: Loss) -> Look | None:
    """Return what the method's loss must know of the whole global batch first."""
    reference = cached.mismatched
    if method.needs_mismatched and reference is not None:

        def measure(outputs: Outputs, at: np.ndarray, stats: Mapping[str, float]) -> LossOut:  # noqa: ARG001
            ratio = given(outputs.logp).view(-1, 2) - torch.from_numpy(reference[at]).to(outputs.tokens.device)
            mean = ratio.mean(dim=1)
            return LossOut(mean, {MISMATCHED: mean})

        return Look(MismatchedRows(rows, mismatched(len(rows), job.settings["seed"])), measure)
    return Look(rows, loss) if method.batch_stats else None


def run(job: Job) -> None:
    """Align the student with the job's method."""
    seed = job.settings["seed"]
    world = start(job.resources, seed, group=True)
    method = _method(job)
    # also for a method that never looks at the rejected response: the pair is the row, and metrics compare both
    rows = TokenRows(job.input("data"), "train", "student", ("chosen", "rejected"))
    cached = Cached(job, method, rows.ids)

    def loss(outputs: Outputs, at: np.ndarray, stats: Mapping[str, float]) -> LossOut:
        return method.loss(cached.numbers(outputs, at, stats))

    task = Task(
        rows=rows,
        loss=loss,
        settings=job.section("train"),
        seed=seed,
        dtype=job.settings["student.dtype"],
        look=_look(job, method, rows, cached, loss),
        follow=method.follow,
    )
    policy = _prepare(load_trainee(job, "student", world.device), job, method)
    train(
        job,
        world,
        policy.to(world.device),
        task,
        lambda done: save_student(done, job),
    )
