"""The cache of keys and values that sampling fills: room for all tokens from the start, and how many rows share it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

CPU_ROWS = 32
"""Rows at once on a CPU: 64 prompts in one batch are padded to the longest, 16 read the weights twice as often."""
CPU_CACHE_BYTES = 512 << 20
CUDA_CACHE_BYTES = 8 << 30
MAX_ROWS = 512


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


class RoomyLayer(DynamicLayer):
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


def roomy_cache(config: Any, room: int) -> DynamicCache:
    """Return an empty cache for rows of at most `room` tokens.

    Layers with a sliding window keep transformers' own class, which forgets what the window has passed.
    """
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer(room) if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
