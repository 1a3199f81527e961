"""The held-out pairs as the student sees them, with what earlier stages know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from drdoctl.core.progress import Progress
from drdoctl.train.chunks import Chunks
from drdoctl.train.columns import numbers, read
from drdoctl.train.rows import TokenRows
from drdoctl.train.scoring import score_batch

if TYPE_CHECKING:
    from drdoctl.stages import Job
    from drdoctl.train.models import Policy
    from drdoctl.train.runtime import World

Pairs = dict[str, np.ndarray]


def student_pairs(job: Job, world: World, policy: Policy) -> Pairs:
    """Return the student's log-probabilities of the held-out pairs, and its reward head's margin where it has one."""
    rows = TokenRows(job.input("data"), "eval", "student", ("chosen", "rejected"))
    if not len(rows):
        return {}
    dtype = job.settings["student.dtype"]

    def compute(batch: np.ndarray) -> dict[str, np.ndarray]:
        sums = score_batch(policy, rows.items(batch), dtype, logp=True)
        columns = {"chosen_logp": sums[0::2], "rejected_logp": sums[1::2]}
        if policy.head is not None:
            values = score_batch(policy, rows.items(batch), dtype, logp=False)
            columns["head_margin"] = values[0::2] - values[1::2]
        return columns

    columns = Chunks(job, world, "pairs", rows.lengths).run(compute, Progress(job)) or {}
    chosen, rejected = rows.response_lengths.T
    return columns | {"chosen_tokens": chosen, "rejected_tokens": rejected} | known_pairs(job)


def known_pairs(job: Job) -> Pairs:
    """Return what earlier stages know of the held-out pairs: the reference's log-probabilities, the oracle's margin.

    The reference is the start model, whose own evaluation is the baseline.
    """
    found: Pairs = {}
    if "baseline" in job.inputs:
        table = read(job.input("baseline") / "pairs.parquet")
        names = [key for key in ("chosen_logp", "rejected_logp") if key in table.column_names]
        found = {f"ref_{key}": numbers(table.column(key)) for key in names}
    if "rewards" in job.inputs:
        table = read(job.input("rewards") / "eval.parquet")
        found["oracle_margin"] = numbers(table.column("chosen_0")) - numbers(table.column("rejected_0"))
    return found
