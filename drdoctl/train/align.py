"""The align stage: a method's loss over cached rewards and log-probabilities. No oracle and no reference in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from drdoctl.core.errors import IntegrityError
from drdoctl.methods import MISMATCHED, LossOut, Method, PairNumbers, methods
from drdoctl.stages import Job
from drdoctl.train.clipping import hide
from drdoctl.train.columns import numbers, read
from drdoctl.train.forward import Outputs, given
from drdoctl.train.loop import Look, Task, train
from drdoctl.train.models import Policy, new_head
from drdoctl.train.rows import MismatchedRows, SampledRows, TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.schedule import mismatched
from drdoctl.train.trainee import load_trainee, save_student


class Cached:
    """The training pairs' cached numbers, in row order, checked against the rows' ids."""

    def __init__(self, job: Job, method: Method, ids: pa.ChunkedArray) -> None:
        """Read what the method needs from the `rewards` and `logps` artifacts. `ids`: those of the training data."""
        self.margin = self.margin_std = self.ref = self.mismatched = self.sampled = None
        if "rewards" in job.inputs:
            table = _table(job.input("rewards"), ids)
            members = range(max(1, method.oracle_members))
            self.margin = np.stack([table[f"chosen_{k}"] - table[f"rejected_{k}"] for k in members], axis=1)
            self.margin_std = torch.from_numpy(self.margin.astype(np.float64).std(axis=0)).float()
        if "logps" in job.inputs:
            self.ref = _logps(job.input("logps"), ids)
        if "mismatched" in job.inputs:
            self.mismatched = _logps(job.input("mismatched"), ids)
        if method.reference_samples:
            names = [f"logp_{place}" for place in range(method.reference_samples)]
            table = _table(job.input("samples"), ids, names)
            self.sampled = np.stack([table[name] for name in names], axis=1)

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
        sampled = torch.from_numpy(self.sampled[rows]).to(device) if self.sampled is not None else None
        # a row's responses: chosen, rejected, and the reference's own
        logp, tokens = (values.view(len(rows), -1) for values in (given(outputs.logp), outputs.tokens))
        reward = outputs.reward.view(len(rows), -1) if outputs.reward is not None else None
        return PairNumbers(
            chosen_logp=logp[:, 0],
            rejected_logp=logp[:, 1],
            chosen_tokens=tokens[:, 0],
            rejected_tokens=tokens[:, 1],
            oracle_margin=margin,
            ref_chosen_logp=ref[:, 0] if ref is not None else None,
            ref_rejected_logp=ref[:, 1] if ref is not None else None,
            sample_logp=logp[:, 2:] if sampled is not None else None,
            ref_sample_logp=sampled,
            chosen_reward=reward[:, 0] if reward is not None else None,
            rejected_reward=reward[:, 1] if reward is not None else None,
            margin_std=self.margin_std.to(device) if self.margin_std is not None else None,
            stats=dict(stats),
        )


def _logps(folder: Path, ids: pa.ChunkedArray) -> np.ndarray:
    table = _table(folder, ids)
    return np.stack([table["chosen_logp"], table["rejected_logp"]], axis=1)


def _table(folder: Path, ids: pa.ChunkedArray, names: Sequence[str] | None = None) -> dict[str, np.ndarray]:
    table = read(folder / "train.parquet", columns=["id", *names] if names is not None else None)
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
    hide(policy.head)
    policy.detach_trunk = method.detaches_trunk
    if method.head_rate is not None:
        policy.head_rate = method.head_rate / job.settings["train.learning_rate"]
    policy.head_limit = method.head_limit
    return policy


def _look(job: Job, method: Method, rows: TokenRows, cached: Cached) -> Look | None:
    """Return the look at mismatched pairs that a method's loss asks for, or None."""
    reference = cached.mismatched
    if not method.needs_mismatched or reference is None:
        return None

    def measure(outputs: Outputs, at: np.ndarray, stats: Mapping[str, float]) -> LossOut:  # noqa: ARG001
        ratio = given(outputs.logp).view(-1, 2) - torch.from_numpy(reference[at]).to(outputs.tokens.device)
        mean = ratio.mean(dim=1)
        return LossOut(mean, {MISMATCHED: mean})

    return Look(MismatchedRows(rows, mismatched(len(rows), job.settings["seed"])), measure)


def run(job: Job) -> None:
    """Align the student with the job's method."""
    seed = job.settings["seed"]
    world = start(job.resources, seed, group=True)
    method = _method(job)
    # also for a method that never looks at the rejected response: the pair is the row, and metrics compare both
    rows = TokenRows(job.input("data"), "train", "student", ("chosen", "rejected"))
    cached, count = Cached(job, method, rows.ids), method.reference_samples
    # what a step computes: the pairs, each with the reference's responses where the loss looks at them
    trees = SampledRows(rows, job.input("samples") / "train.parquet", count) if count else rows

    def loss(outputs: Outputs, at: np.ndarray, stats: Mapping[str, float]) -> LossOut:
        return method.loss(cached.numbers(outputs, at, stats))

    task = Task(
        rows=trees,
        loss=loss,
        settings=job.section("train"),
        seed=seed,
        dtype=job.settings["student.dtype"],
        look=_look(job, method, rows, cached) or (Look(trees, loss) if method.batch_stats else None),
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
