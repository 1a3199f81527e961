"""Sample responses in batches: left-padded prefill, a cache with room for all tokens, rows that leave when done.

Every row draws from its own stream of uniform numbers (`draws`), so its response does not depend on the rows
beside it, but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from drdoctl.train.cache import MAX_ROWS, RoomyLayer, batch_rows, roomy_cache
from drdoctl.train.draws import pick, uniforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMPACT_SHARE = 8
"""Finished rows are dropped once they are more than 1/8 of the batch: a copy of the cache is not free either."""


@dataclass(frozen=True)
class SampledResponse:
    """The sampled tokens, the end token included where it came (`ended`)."""

    ids: list[int]
    ended: bool


def _left_padded(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return token ids and mask, each of shape (N, longest prompt)."""
    width = max(map(len, prompts))
    ids = np.full((len(prompts), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(prompts), width), dtype=np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = prompt
        mask[row, width - len(prompt) :] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def _batch(
    model: Any,
    prompts: Sequence[Sequence[int]],
    draws: Tensor,
    eos: Tensor,
    temperature: float,
    top_p: float,
    pad_id: int,
    between: Callable[[], None] | None,
) -> list[SampledResponse]:
    """Sample one batch; `draws` has shape (rows, max_new_tokens)."""
    limit, device = draws.shape[1], draws.device
    ids, mask = _left_padded(prompts, pad_id, device)
    count, width = ids.shape
    positions = (mask.cumsum(1) - 1).clamp(min=0)
    mask = torch.cat((mask, mask.new_ones(count, limit)), 1)
    cache = roomy_cache(model.config, width + limit)
    plain = all(isinstance(layer, RoomyLayer) for layer in cache.layers)  # no layer has a window
    out = torch.full((count, limit), pad_id, dtype=torch.int64, device=device)
    lengths = torch.full((count,), limit, dtype=torch.int64, device=device)
    rows, alive = (torch.arange(count, device=device), torch.ones(count, dtype=torch.bool, device=device))
    ended = torch.zeros(count, dtype=torch.bool, device=device)
    for step in range(limit):
        seen = mask[:, : width + step]
        if step and plain:
            seen = seen[:, None, None].bool()  # ready made: transformers need not make it anew every step
        logits = model(
            input_ids=ids, attention_mask=seen, position_ids=positions, past_key_values=cache, use_cache=True,
            logits_to_keep=1,
        ).logits[:, -1]  # fmt: skip
        tokens = pick(logits, temperature, top_p, draws[rows, step])
        out[rows, step] = tokens
        over = alive & torch.isin(tokens, eos)
        lengths[rows[over]] = step + 1
        ended[rows[over]] = True
        alive &= ~over
        if between:
            between()
        living = int(alive.sum())
        if not living:
            break
        if (len(rows) - living) * COMPACT_SHARE > len(rows):
            keep = alive.nonzero()[:, 0]
            rows, tokens, positions, mask = rows[keep], tokens[keep], positions[keep], mask[keep]
            alive = alive[keep]
            cache.batch_select_indices(keep)
        ids, positions = tokens[:, None], positions[:, -1:] + 1
    picked, sizes, done = out.cpu().tolist(), lengths.cpu().tolist(), ended.cpu().tolist()
    return [SampledResponse(row[:size], end) for row, size, end in zip(picked, sizes, done, strict=True)]


@torch.inference_mode()
def sample(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    eos_ids: Sequence[int],
    seeds: Sequence[int],
    pad_id: int,
    between: Callable[[], None] | None = None,
) -> list[SampledResponse]:
    """Sample one response to every prompt (token ids), in the order given.

    `model` is a transformers causal LM; `seeds` holds one 64-bit seed a prompt (`row_seed`). Prompts of
    like length should lie together: that saves padding. `between` is called after every token of a
    batch and may raise.
    """
    if any(not prompt for prompt in prompts):
        raise ValueError("a prompt without tokens cannot be continued")
    device = model.device
    was_training = model.training
    model.eval()
    eos = torch.tensor(sorted(eos_ids), dtype=torch.int64, device=device)
    done: list[SampledResponse] = []
    try:
        while len(done) < len(prompts):
            start = len(done)
            longest = max(map(len, prompts[start : start + MAX_ROWS]))
            stop = start + batch_rows(model.config, longest + max_new_tokens, device)
            draws = torch.from_numpy(uniforms(seeds[start:stop], max_new_tokens)).to(device)
            done += _batch(model, prompts[start:stop], draws, eos, temperature, top_p, pad_id, between)
    finally:
        model.train(was_training)
    return done
