"""Scores without gradients: rewards and log-probabilities of many responses, in length order and by token budget.

How the rows are cut into batches depends on their lengths alone, never on the machine, so the same
rows give the same bits however the work is divided or interrupted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import nn

from drdoctl.train.batches import Item, collate
from drdoctl.train.forward import given
from drdoctl.train.models import DTYPES

BATCH_TOKENS = 2048
"""Unique tokens in one forward pass."""


def budget_batches(lengths: np.ndarray, budget: int) -> Iterator[np.ndarray]:
    """Yield row numbers in length order, each batch within the budget (or a single longer row)."""
    order = np.argsort(lengths, kind="stable")
    start, filled = 0, 0
    for place, length in enumerate(lengths[order].tolist()):
        if place > start and filled + length > budget:
            yield order[start:place]
            start, filled = place, 0
        filled += length
    if start < len(order):
        yield order[start:]


@torch.no_grad()
def score_batch(model: nn.Module, items: Sequence[Item], dtype: str, *, logp: bool) -> np.ndarray:
    """Score all responses of the items, tree by tree. Returns shape (N,): float64 sums, or float32 rewards."""
    device = next(model.parameters()).device
    with torch.autocast(device.type, dtype=DTYPES[dtype], enabled=dtype != "fp32"):
        outputs = model(collate(items).to(device), logp=logp)
    return given(outputs.logp if logp else outputs.reward).cpu().numpy()
