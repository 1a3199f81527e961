"""Scores without gradients: rewards and log-probabilities of many responses, in length order and by token budget.

How the rows are cut into batches depends on their lengths alone, never on the machine, so the same
rows give the same bits however the work is divided or interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from drdoctl.train.batches import Item, collate
from drdoctl.train.forward import given
from drdoctl.train.models import DTYPES, load_policy, load_reward_model

BATCH_TOKENS = 4096
"""Unique tokens in one forward pass."""


def budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Yield row numbers in length order, each batch within the budget (or a single longer row)."""
    order = np.argsort(lengths, kind="stable")
    start, filled = 0, 0
    for place, row in enumerate(order):
        if place > start and filled + lengths[row] > budget:
            yield order[start:place]
            start, filled = place, 0
        filled += int(lengths[row])
    if start < len(order):
        yield order[start:]


@torch.no_grad()
def score_batch(model: nn.Module, items: Sequence[Item], dtype: str, *, logp: bool) -> np.ndarray:
    """Score all responses of the items, tree by tree. Returns shape (N,): float64 sums, or float32 rewards."""
    device = next(model.parameters()).device
    with torch.autocast(device.type, dtype=DTYPES[dtype], enabled=dtype != "fp32"):
        outputs = model(collate(items).to(device), logp=logp)
    return given(outputs.logp if logp else outputs.reward).cpu().numpy()


def _score_all(
    model: nn.Module, items: Sequence[tuple[Sequence[int], Sequence[int]]], dtype: str, *, logp: bool
) -> np.ndarray:
    lengths = np.array([len(prompt) + len(response) for prompt, response in items])
    out = np.empty(len(items), dtype=np.float64 if logp else np.float32)
    for rows in budget_batches(lengths, BATCH_TOKENS):
        batch = [(items[int(row)][0], (items[int(row)][1],)) for row in rows]
        out[rows] = score_batch(model, batch, dtype, logp=logp)
    return out


def rewards(
    location: Mapping[str, Any] | str | Path,
    items: Sequence[tuple[Sequence[int], Sequence[int]]],
    dtype: str = "fp32",
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Return the oracle's reward of each (prompt ids, response ids). Shape (N,), float32."""
    model = load_reward_model(dict(location) if isinstance(location, Mapping) else location).eval().to(device)
    return _score_all(model, items, dtype, logp=False)


def logps(
    location: Mapping[str, Any] | str | Path,
    items: Sequence[tuple[Sequence[int], Sequence[int]]],
    dtype: str = "fp32",
    device: torch.device | str = "cpu",
) -> np.ndarray:
    """Return log pi(response | prompt) of each item, summed over tokens. Shape (N,), float64."""
    model = load_policy(dict(location) if isinstance(location, Mapping) else location).eval().to(device)
    return _score_all(model, items, dtype, logp=True)
