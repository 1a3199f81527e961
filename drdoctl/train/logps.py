"""The logps stage: the reference's log-probabilities of every pair, once, as float64 sums and counts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from drdoctl.core.progress import Progress
from drdoctl.stages import Job
from drdoctl.stages.logps import MISMATCHED, OF, SAMPLES
from drdoctl.train import reference
from drdoctl.train.chunks import Chunks
from drdoctl.train.models import load_policy
from drdoctl.train.places import model_location
from drdoctl.train.rewards import write_table
from drdoctl.train.rows import MismatchedRows, TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.schedule import mismatched
from drdoctl.train.scoring import score_batch
from drdoctl.train.trainee import load_adapted


def _tables(job: Job) -> dict[str, TokenRows | MismatchedRows]:
    """Return the rows to score by the file's name: all logged pairs, or the mismatched ones of the training data."""
    data, sides = job.input("data"), ("chosen", "rejected")
    train = TokenRows(data, "train", "student", sides)
    if job.settings.get(OF) == MISMATCHED:
        return {"train": MismatchedRows(train, mismatched(len(train), job.settings["seed"]))}
    return {"train": train, "eval": TokenRows(data, "eval", "student", sides)}


def run(job: Job) -> None:
    """Score the pairs with the start model, or what it says itself."""
    world = start(job.resources, job.settings["seed"])
    where, dtype = model_location(job, "policy", "student.model"), job.settings["student.dtype"]
    policy = (load_adapted(where) if "base" in where else load_policy(where)).eval().to(world.device)
    if job.settings.get(OF) == SAMPLES:
        reference.run(job, world, policy)
        return
    for part, rows in _tables(job).items():

        def compute(batch: np.ndarray, rows: TokenRows | MismatchedRows = rows) -> dict[str, np.ndarray]:
            sums = score_batch(policy, rows.items(batch), dtype, logp=True)
            return {"chosen_logp": sums[0::2], "rejected_logp": sums[1::2]}

        columns = Chunks(job, world, part, rows.lengths).run(compute, Progress(job))
        if columns is not None:
            columns["chosen_tokens"], columns["rejected_tokens"] = rows.response_lengths.T
            write_table(job.path(f"{part}.parquet"), {"id": rows.ids, **{k: pa.array(v) for k, v in columns.items()}})
