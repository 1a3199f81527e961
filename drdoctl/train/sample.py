"""Sample responses in batches: left-padded prefill, a cache with room for all tokens, rows that leave when done.

Every row draws from its own stream of uniform numbers, so its response does not depend on the rows
beside it, but for rounding. Top-p is nucleus sampling (Holtzman et al., arXiv 1904.09751).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

TOPS = (64, 1024)
"""Most likely tokens looked at, in turn, before a row's whole vocabulary: nearly always enough for the nucleus."""
CPU_ROWS = 32
"""Rows at once on a CPU: 64 prompts in one batch are padded to the longest, 16 read the weights twice as often."""
CPU_CACHE_BYTES = 512 << 20
CUDA_CACHE_BYTES = 8 << 30
MAX_ROWS = 512
COMPACT_SHARE = 8
"""Finished rows are dropped once they are more than 1/8 of the batch: a copy of the cache is not free either."""


@dataclass(frozen=True)
class SampledResponse:
    """The sampled tokens, the end token included where it came (`ended`)."""

    ids: list[int]
    ended: bool


def row_seed(seed: int, prompt_id: str, label: str) -> int:
    """Return the 64-bit seed of one row's stream, from the spec's seed, the prompt and the sampling alone."""
    text = f"{seed}\x00{prompt_id}\x00{label}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")


def uniforms(seeds: Sequence[int], steps: int) -> np.ndarray:
    """Return counter-based uniform numbers in [0, 1), shape (len(seeds), steps): splitmix64 of (seed, step)."""
    golden, first, second = (np.uint64(c) for c in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
    with np.errstate(over="ignore"):
        state = np.asarray(seeds, dtype=np.uint64)[:, None] + np.arange(1, steps + 1, dtype=np.uint64)[None] * golden
        state = (state ^ (state >> np.uint64(30))) * first
        state = (state ^ (state >> np.uint64(27))) * second
        state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def cache_bytes(config: Any, tokens: int) -> int:
    """Return the bytes of keys and values that one row of `tokens` tokens holds, in float32."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(tokens * config.num_hidden_layers * heads * width * 2 * 4)


def batch_rows(config: Any, tokens: int, device: torch.device) -> int:
    """Return how many rows are sampled at once: as many as the cache's budget holds, at least one."""
    budget, most = CPU_CACHE_BYTES, CPU_ROWS
    if device.type == "cuda":
        most = MAX_ROWS
        budget = min(CUDA_CACHE_BYTES, torch.cuda.get_device_properties(device).total_memory // 4)
    return max(1, min(most, budget // cache_bytes(config, tokens)))


class _RoomyLayer(DynamicLayer):
    """A layer's cache with room for `room` positions: a step writes one column, `DynamicLayer` copies them all."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room, self.length = room, 0
        self.all_keys: Tensor
        self.all_values: Tensor

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Take memory for the shapes (rows, heads, room, width) of the first keys and values."""
        self.dtype, self.device = key_states.dtype, key_states.device
        self.all_keys = key_states.new_empty((*key_states.shape[:2], self.room, key_states.shape[3]))
        self.all_values = value_states.new_empty((*value_states.shape[:2], self.room, value_states.shape[3]))
        self.is_initialized = True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the new columns and return views of all so far, shapes (rows, heads, length, width)."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        start, self.length = self.length, self.length + key_states.shape[2]
        self.all_keys[:, :, start : self.length] = key_states
        self.all_values[:, :, start : self.length] = value_states
        return self._views()

    def _views(self) -> tuple[Tensor, Tensor]:
        self.keys, self.values = self.all_keys[:, :, : self.length], self.all_values[:, :, : self.length]
        return self.keys, self.values

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep these rows only."""
        for name in ("all_keys", "all_values"):
            old = getattr(self, name)
            new = old.new_empty((len(indices), *old.shape[1:]))
            new[:, :, : self.length] = old[indices, :, : self.length]
            setattr(self, name, new)
        self._views()


def _cache(config: Any, room: int) -> DynamicCache:
    # layers with a sliding window keep transformers' own class, which forgets what the window has passed
    cache = DynamicCache(config=config)
    cache.layers = [_RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def _nucleus(ordered: Tensor, top_p: float, draws: Tensor) -> tuple[Tensor, Tensor]:
    """Return the place drawn in each row of descending probabilities (N, K), and whether the K reach `top_p`."""
    # rows of cumulative mass are sorted, so counting is a search: comparing all K cells takes longer than the softmax
    mass = ordered.double().cumsum(1)
    last = torch.searchsorted(mass, mass.new_full((len(mass), 1), top_p)).clamp(max=mass.shape[1] - 1)
    total = mass.gather(1, last)  # the smallest set with at least top_p
    place = torch.searchsorted(mass, draws[:, None].double() * total, right=True)
    return torch.minimum(place, last)[:, 0], mass[:, -1] >= top_p


def pick(logits: Tensor, temperature: float, top_p: float, draws: Tensor) -> Tensor:
    """Return one token a row, shape (N,), from logits (N, V) and uniform numbers (N,). Temperature 0 is greedy.

    The temperature acts first, then top-p: the smallest set of most likely tokens with at least mass `top_p`.
    """
    if temperature == 0:
        return logits.argmax(1)
    probabilities = torch.softmax(logits.float() / temperature, dim=1)
    vocabulary = logits.shape[1]
    chosen = torch.empty(len(logits), dtype=torch.int64, device=logits.device)
    left = torch.arange(len(logits), device=logits.device)
    for top in (*(top for top in TOPS if top < vocabulary), vocabulary):
        ordered, tokens = probabilities.topk(top, dim=1)
        place, enough = _nucleus(ordered, top_p, draws)
        chosen[left] = tokens.gather(1, place[:, None])[:, 0]
        wide = (~enough).nonzero()[:, 0]
        if not len(wide):
            break
        left, probabilities, draws = left[wide], probabilities[wide], draws[wide]
    return chosen


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
    cache = _cache(model.config, width + limit)
    plain = all(isinstance(layer, _RoomyLayer) for layer in cache.layers)  # no layer has a window
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
