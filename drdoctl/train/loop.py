"""The one training loop: SFT, the oracle and every method run through it.

A step takes `global_batch` rows, whatever the processes and micro-batches: the loss is the mean
over all of them. What differs between stages is a `Task`; a method may not add an `if` here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch

from drdoctl.core.metrics import SKIPPED
from drdoctl.core.micro import micro_tokens
from drdoctl.core.progress import Progress, StopRequested, stop_requested
from drdoctl.methods import PROGRESS, LossOut
from drdoctl.stages import Job
from drdoctl.train import checkpoint
from drdoctl.train import engine as ds
from drdoctl.train.batches import Item, collate
from drdoctl.train.bins import bins
from drdoctl.train.forward import Outputs
from drdoctl.train.metrics import MetricsFile, Sums
from drdoctl.train.models import Policy
from drdoctl.train.offload import activations_on_cpu
from drdoctl.train.runtime import World
from drdoctl.train.schedule import Order, learning_rate, total_steps
from drdoctl.train.skips import Skips
from drdoctl.train.spikes import Spikes


class Rows(Protocol):
    """The rows a task trains on."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        ...

    @property
    def lengths(self) -> np.ndarray:
        """Return each row's unique tokens, shape (rows,)."""
        ...

    def items(self, rows: np.ndarray) -> list[Item]:
        """Return the rows' token ids."""
        ...

    def names(self, rows: np.ndarray) -> list[str]:
        """Return the rows' ids, for messages."""
        ...


INEXACT = "other_processes"
"""Metric of the steps after a resume by other processes, or at another ZeRO stage: not the same bit for bit."""
Loss = Callable[[Outputs, np.ndarray, Mapping[str, float]], LossOut]
"""(outputs, row numbers, stats) -> one loss a row."""


def _keep(stats: dict[str, float], means: dict[str, float]) -> dict[str, float]:  # noqa: ARG001
    return stats


@dataclass(frozen=True)
class Look:
    """What is measured on the whole global batch, without gradients, before a step's loss is taken."""

    rows: Rows
    """As many as the task has: a step's row numbers are looked up here."""
    measure: Loss
    """Its metrics' means over the global batch are the `stats` that the step's loss is given."""


@dataclass(frozen=True)
class Task:
    """What is trained, on what, and how the loss is taken."""

    rows: Rows
    loss: Loss
    settings: Mapping[str, Any]
    seed: int
    dtype: str
    needs_logp: bool = True
    look: Look | None = None
    """Where the loss needs means over the whole global batch first (one more forward pass)."""
    follow: Callable[[dict[str, float], dict[str, float]], dict[str, float]] = field(default=_keep)


class Trainer:
    """One run of a task in this process."""

    def __init__(self, job: Job, world: World, policy: Policy, task: Task) -> None:
        """Hand the model to DeepSpeed and go to the newest checkpoint."""
        self.job, self.world, self.task = job, world, task
        self.steps = total_steps(task.settings, len(task.rows))
        self.local = task.settings["global_batch"] // world.size
        self.lengths = task.rows.lengths
        config = policy.lm.config
        usual = micro_tokens(world.device.type, config.num_hidden_layers, config.hidden_size)
        self.budget = job.resources["micro_tokens"] or usual
        self.order = Order(len(task.rows), task.settings["global_batch"], task.seed)
        if job.resources["gradient_checkpointing"]:
            policy.lm.gradient_checkpointing_enable({"use_reentrant": False})
        self.kept = activations_on_cpu(world.device) if job.resources["activation_offload"] else nullcontext()
        policy.train()
        self.engine = ds.initialize(policy, task.settings, job.resources, task.dtype)
        self.step = 0
        self.exact = True
        self.stats: dict[str, float] = {}
        self.progress = Progress(job)
        self.skips = Skips(task.settings.get("skip_not_finite", 0), self.progress.note)
        self.spikes = Spikes(self.progress.log)
        self.metrics = MetricsFile(job.path("metrics.jsonl"))
        self.saver = checkpoint.Saver(
            job.path("checkpoints"), world, job.resources["keep"], self.progress.checkpointed, self.metrics.path
        )
        self._resume()
        self.last_save = time.monotonic()

    def _resume(self) -> None:
        point = checkpoint.newest(self.job.path("checkpoints"), self.progress.note, self.metrics.last_step())
        if point is not None:
            checkpoint.restore(self.engine, point, self.world)
            self.step, self.stats = point.step, point.state["stats"]
            self.saver.newest = point.step
            self.skips.count = point.state.get("skipped", 0)
            moved = point.moved(self.world.size, self.engine.zero_optimization_stage())
            self.exact = point.state.get("exact", True) and moved is None
            if moved is not None:
                self.progress.note(moved)
        if self.world.first:
            self.spikes.begin(line["grad_norm"] for line in self.metrics.truncate(self.step) if "grad_norm" in line)

    def run(self) -> Any:
        """Train to the last step and return the engine. Raises StopRequested after a checkpoint."""
        with self.saver:
            while self.step < self.steps:
                means, tokens = self._one_step()
                self.step += 1
                if self.world.first:
                    self.metrics.append(self.step, means if self.exact else {**means, INEXACT: 1.0})
                    self.progress.update(self.step, self.steps, unit="step", loss=means.get("loss"), tokens=tokens)
                self._maybe_save()
        return self.engine

    def _mine(self, lengths: np.ndarray) -> list[np.ndarray]:
        """Return this process's micro-batches of the step: every process has as many, of about as many tokens.

        `lengths`: tokens of all rows.
        """
        rows = self.order.batch(self.step)
        steps = bins(lengths[rows], self.world.size, self.budget, self.job.resources["micro_batch"])
        return [rows[ranks[self.world.rank]] for ranks in steps]

    def _outputs(self, source: Rows, rows: np.ndarray) -> tuple[Outputs, int]:
        self.progress.beat(self.step)
        batch = collate(source.items(rows)).to(self.world.device)
        with self.kept:
            return self.engine(batch, logp=self.task.needs_logp), batch.tokens

    def _one_step(self) -> tuple[dict[str, float], int]:
        """Take one optimizer step and return the means over the global batch, and the tokens."""
        stats = self._looked(self.task.look) if self.task.look else self.stats
        stats = {**stats, PROGRESS: self.step / self.steps}
        micro, sums = self._mine(self.lengths), Sums()
        for index, rows in enumerate(micro):
            outputs, tokens = self._outputs(self.task.rows, rows)
            out = self.task.loss(outputs, rows, stats)
            sums.add(out, tokens)
            loss, last = out.losses.float().sum() / self.local, index == len(micro) - 1
            if last:
                means, tokens = sums.means(self.world, self.task.settings["global_batch"])
                fit = self._fit("loss", means["loss"])
                # no step is taken on gradients that are not finite, and those of such a loss can be
                loss = loss if fit else loss * float("nan")
            self.engine.set_gradient_accumulation_boundary(is_boundary=last)
            self.engine.backward(loss, scale_wrt_gas=False)
        rate = learning_rate(self.task.settings, self.step, self.steps)
        for group in self.engine.optimizer.param_groups:
            group["lr"] = rate * group.get(ds.RATE, 1.0)
        norm = ds.step(self.engine)
        if not (fit and self._fit("gradients' norm", norm)):
            return {**_finite(means), "lr": rate, SKIPPED: 1.0}, tokens
        if self.world.first:
            self.spikes.look(self.step + 1, norm, self._names)
        self.stats = self.task.follow(self.stats, means)
        clip = self.engine.module.head_clip
        apart = {"head_grad_norm": clip.norm} if clip is not None else {}
        return {**means, "lr": rate, "grad_norm": norm, **apart}, tokens

    @torch.no_grad()
    def _looked(self, look: Look) -> dict[str, float]:
        sums = Sums()
        for rows in self._mine(look.rows.lengths):
            outputs, tokens = self._outputs(look.rows, rows)
            sums.add(look.measure(outputs, rows, self.stats), tokens)
        return sums.means(self.world, self.task.settings["global_batch"])[0]

    def _fit(self, what: str, value: float) -> bool:
        """Return whether a value is finite. Raises StageFailed where it is not, and no more steps may be skipped."""
        if not math.isfinite(value):
            self.saver.wait()  # one that is being sealed is about to be the newest
            self.skips.leave_out(what, value, self.step + 1, self._names(), self.saver.newest)
        return math.isfinite(value)

    def _names(self) -> Sequence[str]:
        """Return the ids of the step's rows."""
        return self.task.rows.names(self.order.batch(self.step))

    def _maybe_save(self) -> None:
        """Checkpoint when it is time, or when asked to stop; the first process decides for all."""
        every, minutes = self.job.resources["checkpoint_steps"], self.job.resources["checkpoint_minutes"]
        stop = self.world.first and stop_requested(self.job)
        due = self.world.first and (
            (every is not None and self.step % every == 0) or time.monotonic() - self.last_save > 60 * minutes
        )
        word = self.world.total(torch.tensor([float(stop), float(due)], dtype=torch.float64))
        if self.step < self.steps and (word[0] > 0 or word[1] > 0):
            self.saver.save(
                self.engine, self.step, {"stats": self.stats, "exact": self.exact, "skipped": self.skips.count}
            )
            self.last_save = time.monotonic()
            if word[0] > 0:
                self.saver.wait()
                self.world.barrier()  # none goes before all have saved
                raise StopRequested


def _finite(means: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in means.items() if math.isfinite(value)}


def train(job: Job, world: World, policy: Policy, task: Task, save: Callable[[Policy], None]) -> None:
    """Run the task, then let the first process save the whole policy."""
    trained = Trainer(job, world, policy, task).run()
    with ds.gathered(trained):
        if world.first:
            save(policy)
    world.barrier()
