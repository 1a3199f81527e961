"""The oracle stage: a causal LM that keeps its LM head and learns a reward head (DRDO, eq. 2 and 5)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from drdoctl.methods import LossOut
from drdoctl.stages import Job
from drdoctl.train.forward import Outputs, given
from drdoctl.train.loop import Task, train
from drdoctl.train.losses import length_metrics, oracle_loss
from drdoctl.train.models import new_head
from drdoctl.train.rows import TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.trainee import load_trainee, save_trained_oracle


def run(job: Job) -> None:
    """Train one oracle, or one member of an ensemble: members differ in the seed of the head alone."""
    seed = job.settings["seed"]
    settings = job.section("oracle")
    world = start(job.resources, seed, group=True)
    weight = settings["sft_weight"]

    def loss(outputs: Outputs, rows: np.ndarray, stats: Mapping[str, float]) -> LossOut:  # noqa: ARG001
        """Take responses that lie as chosen, rejected, chosen, rejected."""
        logp = outputs.logp[0::2] if outputs.logp is not None else None
        reward = given(outputs.reward)
        tokens = outputs.tokens[0::2], outputs.tokens[1::2]
        out = oracle_loss(reward[0::2], reward[1::2], logp, tokens[0], weight)
        return LossOut(out.losses, {**out.metrics, **length_metrics(out.metrics["margin"], *tokens)})

    task = Task(
        rows=TokenRows(
            job.input("data"), settings.get("part", "train"), settings.get("tokens", "oracle"), ("chosen", "rejected")
        ),
        loss=loss,
        settings=settings,
        seed=seed,
        dtype=settings["dtype"],
        needs_logp=weight > 0,
    )
    policy = load_trainee(job, "oracle", world.device)
    policy.head = new_head(policy.lm.config, seed + settings["seed"])
    policy.to(world.device)
    train(job, world, policy, task, lambda done: save_trained_oracle(done, job))
