"""What a published oracle's rewards are on held-out pairs, where no stage of its store has measured it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from drdoctl.core.architectures import shape_of
from drdoctl.evals._quality import quality
from drdoctl.train.columns import numbers
from drdoctl.train.reward_model import load_reward_model
from drdoctl.train.rows import TokenRows
from drdoctl.train.runtime import start
from drdoctl.train.scoring import BATCH_TOKENS, CUDA_BATCHES, budget_batches, score_batch

PAIRS = 512
"""Held-out pairs that are scored for a card at most."""
FEWEST = 64
"""With fewer the interval would say nothing."""
AFFORDABLE = {"cpu": 3e13, "cuda": 3e15}
"""Operations that publishing may take for it: about a minute."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
METRICS = ("value", "low", "high", "count")


def measure(request: Mapping[str, Any], device: str | None) -> dict[str, Any]:
    """Return `reward` (statistics of rewards) and `quality` of a reward model, as far as they can be had, and why not.

    `request["pairs"]`: `data` (folder of a data artifact), `who` (whose tokens), and where a rewards stage has scored
    its pairs, `rewards` (Parquet file) and `member`; None where there are none. `device`: None where the model cannot
    be had here.
    """
    pairs = request.get("pairs")
    if pairs is None:
        return {}
    rows = TokenRows(Path(pairs["data"]), "eval", pairs["who"], ("chosen", "rejected"))
    total = len(rows)
    if not total:
        return {"unmeasured": ["rewards: the data has no held-out pairs"]}
    if pairs.get("rewards"):
        rewards = _stored(Path(pairs["rewards"]), pairs["member"])
    elif device is None:
        return {"unmeasured": ["rewards: the model could not be loaded where it was published"]}
    else:
        count = _count(rows, request, device)
        if count < min(FEWEST, total):
            reason = "scoring held-out pairs would take too long where it was published"
            return {"unmeasured": [f"rewards: {reason}; `{{name: oracle-quality}}` in `evaluate` measures them"]}
        rewards = _scored(rows, request, device, count)
    return {**_described(rewards, rows), "pairs": [len(rewards), total]}


def _stored(file: Path, member: int) -> np.ndarray:
    table = pq.read_table(file, columns=[f"chosen_{member}", f"rejected_{member}"])
    return np.stack([numbers(table.column(name)) for name in table.column_names], axis=1)


def _count(rows: TokenRows, request: Mapping[str, Any], device: str) -> int:
    """Return how many pairs can be afforded: two operations for each parameter and token."""
    shape = shape_of(request["config"])
    each = 2.0 * (shape.body if shape is not None else 1e12) * float(rows.lengths.mean())
    return int(min(len(rows), PAIRS, AFFORDABLE[device] // max(1.0, each)))


def _scored(rows: TokenRows, request: Mapping[str, Any], device: str, count: int) -> np.ndarray:
    world = start({"device": device}, seed=0)
    model = load_reward_model(request["model"]).eval().to(world.device)
    rewards = np.empty((count, 2), dtype=np.float32)
    budget = BATCH_TOKENS * (CUDA_BATCHES if device == "cuda" else 1)
    for batch in budget_batches(rows.lengths[:count], budget):
        rewards[batch] = score_batch(model, rows.items(batch), "fp32", logp=False).reshape(len(batch), 2)
    return rewards


def _described(rewards: np.ndarray, rows: TokenRows) -> dict[str, Any]:
    """Return the statistics of `rewards`, shape (M, 2), and the figures of their margins."""
    flat = rewards.astype(np.float64).ravel()
    reward = {
        "count": len(flat),
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "min": float(flat.min()),
        "max": float(flat.max()),
        "quantiles": {f"{share:g}": float(np.quantile(flat, share)) for share in QUANTILES},
    }
    chosen, rejected = rows.response_lengths[: len(rewards)].T
    known = {"chosen_tokens": chosen, "rejected_tokens": rejected}
    figures = quality({"margin_0": rewards[:, 0] - rewards[:, 1], **known}, seed=0)
    found = {one.metric: {name: getattr(one, name) for name in METRICS} for one in figures if one.group is None}
    return {"reward": reward, "quality": found}
