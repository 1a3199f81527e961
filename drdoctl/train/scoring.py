"""Scores without gradients: rewards and log-probabilities of many responses, in length order and by token budget.

On a CPU, how the rows are cut into batches depends on their lengths alone, never on the machine, so the same rows give
the same bits however the work is divided or interrupted. On CUDA a batch is as large as fits into the memory that is
free, so the last bits may differ from run to run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from drdoctl.train.batches import Item, collate
from drdoctl.train.forward import LOGITS_AT_ONCE, given
from drdoctl.train.models import DTYPES, Policy

BATCH_TOKENS = 2048
"""Unique tokens in one forward pass on a CPU, where more or fewer took longer."""
CUDA_BATCHES = 32
"""On CUDA so many batches go to the device together, as far as they fit: 65,536 tokens."""


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


def fitting_tokens(free: int, width: int, inner: int) -> int:
    """Return how many tokens a forward pass without gradients takes in `free` bytes of device memory, at least one.

    `width`: of the hidden state; `inner`: of the MLP. Layers do not count, since a layer's activations go when the next
    one's come; nor does the vocabulary, since the LM head works in chunks of `LOGITS_AT_ONCE` cells. Counted in float32
    are 16 states of a token (residual, norms, queries, keys and values, rotated and joined) and 4 of its MLP. Half of
    what is free is left free: what is counted is an estimate, and memory has holes.
    """
    logits = 4 * 4 * LOGITS_AT_ONCE  # bytes of four float32 copies: as computed, widened, softmax, loss
    return max(1, (free // 2 - logits) // (4 * (16 * width + 4 * inner)))


def _room(model: Any, device: torch.device) -> int | None:
    """Return how many tokens fit at once, or None where the caller's cut holds: off CUDA."""
    if device.type != "cuda":
        return None
    config = (model.lm if isinstance(model, Policy) else model.model).config
    free = torch.cuda.mem_get_info(device)[0]
    free += torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    inner = getattr(config, "ffn_dim", None) or getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    return fitting_tokens(free, config.hidden_size, inner)


def score_batch(model: nn.Module, items: Sequence[Item], dtype: str, *, logp: bool) -> np.ndarray:
    """Score all responses of the items, tree by tree. Returns shape (N,): float64 sums, or float32 rewards.

    Items that do not fit into a CUDA device's memory at once are halved until they do.
    """
    device = next(model.parameters()).device
    room = _room(model, device)
    tokens = sum(len(prompt) + sum(map(len, responses)) for prompt, responses in items)
    if len(items) == 1 or room is None or tokens <= room:
        try:
            return _scored(model, items, dtype, device, logp=logp)
        except torch.OutOfMemoryError:
            if len(items) == 1:
                raise
        # out of the `except`: its traceback holds the tensors of the pass that failed
    middle = len(items) // 2
    return np.concatenate([score_batch(model, part, dtype, logp=logp) for part in (items[:middle], items[middle:])])


@torch.no_grad()
def _scored(model: nn.Module, items: Sequence[Item], dtype: str, device: torch.device, *, logp: bool) -> np.ndarray:
    with torch.autocast(device.type, dtype=DTYPES[dtype], enabled=dtype != "fp32"):
        outputs = model(collate(items).to(device), logp=logp)
    return given(outputs.logp if logp else outputs.reward).cpu().numpy()
