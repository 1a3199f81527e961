"""The rewards stage: each oracle's reward of every response, once: K columns for K members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from drdoctl.core.errors import StageFailed
from drdoctl.core.files import write_json, write_via
from drdoctl.core.progress import Progress
from drdoctl.stages import Job
from drdoctl.train.chunks import Chunks
from drdoctl.train.places import model_location
from drdoctl.train.reward_model import load_reward_model
from drdoctl.train.rows import TokenRows
from drdoctl.train.runtime import World, start
from drdoctl.train.scoring import score_batch


def write_table(path: Path, columns: dict[str, Any]) -> None:
    """Write a Parquet file, whole or not at all."""
    table = pa.table(columns)
    write_via(path, lambda beside: pq.write_table(table, beside, compression="zstd"))


def oracles(job: Job) -> list[dict[str, Any]]:
    """Return where the members lie: artifacts `oracle-0` … in order, else the finished model outside the store."""
    roles = sorted((role for role in job.inputs if role.startswith("oracle-")), key=lambda role: int(role[7:]))
    return [model_location(job, role, "oracle.model") for role in roles or ["oracle"]]


def _member(job: Job, world: World, where: dict[str, Any], member: int, tables: dict[str, TokenRows]) -> dict[str, Any]:
    model = load_reward_model(where).eval().to(world.device)
    found: dict[str, Any] = {}
    for part, rows in tables.items():

        def compute(batch: np.ndarray, rows: TokenRows = rows) -> dict[str, np.ndarray]:
            values = score_batch(model, rows.items(batch), job.settings["oracle.dtype"], logp=False)
            return {f"chosen_{member}": values[0::2], f"rejected_{member}": values[1::2]}

        found[part] = Chunks(job, world, f"{part}-{member}", rows.lengths).run(compute, Progress(job))
    return found


def statistics(columns: dict[str, np.ndarray], lengths: tuple[np.ndarray, np.ndarray]) -> list[dict[str, float]]:
    """Return each member's mean and sd of dr, agreement with the labels and correlation with the length difference.

    `length_accuracy` is the share of labels that prefer the longer response: what counting tokens would score.
    """
    out = []
    for member in range(len(columns) // 2):
        margin = (columns[f"chosen_{member}"] - columns[f"rejected_{member}"]).astype(np.float64)
        difference = (lengths[0] - lengths[1]).astype(np.float64)
        spread = margin.std() * difference.std()
        out.append(
            {
                "margin_mean": float(margin.mean()),
                "margin_std": float(margin.std()),
                "accuracy": float((margin > 0).mean() + 0.5 * (margin == 0).mean()),
                "length_accuracy": float((difference > 0).mean() + 0.5 * (difference == 0).mean()),
                "length_correlation": float(
                    np.mean((margin - margin.mean()) * (difference - difference.mean())) / spread
                )
                if spread > 0
                else 0.0,
            },
        )
    return out


def run(job: Job) -> None:
    """Score train and eval pairs with every member, one member in memory at a time."""
    world = start(job.resources, job.settings["seed"])
    tables = {part: TokenRows(job.input("data"), part, "oracle", ("chosen", "rejected")) for part in ("train", "eval")}
    columns: dict[str, dict[str, np.ndarray]] = {part: {} for part in tables}
    for member, where in enumerate(oracles(job)):
        for part, found in _member(job, world, where, member, tables).items():
            columns[part].update(found or {})
    if not world.first:
        return
    stats: dict[str, Any] = {}
    for part, rows in tables.items():
        broken = [name for name, values in columns[part].items() if not np.isfinite(values).all()]
        if broken:
            message = f"rewards that are not finite in `{part}`: {', '.join(broken)}"
            raise StageFailed(message, code="not-finite", hint="take another oracle, or train it with a lower rate")
        chosen, rejected = rows.response_lengths.T
        stats[part] = statistics(columns[part], (chosen, rejected))
        arrays = {name: pa.array(values) for name, values in columns[part].items()}
        write_table(job.path(f"{part}.parquet"), {"id": rows.ids, **arrays})
    write_json(job.path("stats.json"), stats)
