"""The cache of keys and values that sampling fills: a place for each row, which another row takes later."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import Cache
from transformers.cache_utils import DynamicLayer

from drdoctl.core.architectures import alibi_features

CPU_ROWS = 64
"""Rows at once on a CPU: 32 read the weights twice as often and take a tenth longer."""
CPU_CACHE_BYTES = 512 << 20
CUDA_CACHE_BYTES = 8 << 30
MAX_ROWS = 512


def cache_bytes(config: Any, tokens: int) -> int:
    """Return the bytes of keys and values that one row of `tokens` tokens holds, in float32."""
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    width += alibi_features(width) if config.model_type == "bloom" else 0
    return int(tokens * config.num_hidden_layers * heads * width * 2 * 4)


def batch_rows(config: Any, tokens: int, device: torch.device) -> int:
    """Return how many rows are sampled at once: as many as the cache's budget holds, at least one."""
    budget, most = CPU_CACHE_BYTES, CPU_ROWS
    if device.type == "cuda":
        most = MAX_ROWS
        budget = min(CUDA_CACHE_BYTES, torch.cuda.get_device_properties(device).total_memory // 4)
    return max(1, min(most, budget // cache_bytes(config, tokens)))


class PlaceLayer(DynamicLayer):
    """A layer's keys and values, shapes (places, heads, room, width); the token at position p of a row is column p."""

    def __init__(self, like: Any, places: int, room: int) -> None:
        """Take memory for keys and values like those of a filled layer."""
        super().__init__()
        # zeros: a column that no row has written yet is masked, and what is masked must still be a number
        self.all_keys, self.all_values = (
            old.new_zeros((places, old.shape[1], room, old.shape[3])) for old in (like.keys, like.values)
        )
        self.rows = self.at = torch.arange(places, device=like.keys.device)
        self.width, self.is_initialized = 0, True

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write each row's column of this step; return views of all rows, as many columns as the longest has."""
        for memory, new in ((self.all_keys, key_states), (self.all_values, value_states)):
            memory[self.rows, :, self.at] = new[:, :, 0].to(memory.dtype)
        count = len(self.rows)
        return self.all_keys[:count, :, : self.width], self.all_values[:count, :, : self.width]

    def get_seq_length(self) -> int:
        """Return the columns in use."""
        return self.width


class PlaceCache(Cache):
    """Every layer's places. Prompts come from a cache of their own (`fill`), then rows grow by a column a step."""

    layers: list[PlaceLayer]

    def __init__(self, places: int, room: int) -> None:
        """`room`: tokens of the longest row."""
        super().__init__(layers=[])
        self.places, self.room = places, room

    def fill(self, first: int, prompts: Cache, lengths: Sequence[int]) -> None:
        """Put left-padded prompts of these lengths into the places from `first` on."""
        self.layers = self.layers or [PlaceLayer(layer, self.places, self.room) for layer in prompts.layers]
        for ours, theirs in zip(self.layers, prompts.layers, strict=True):
            for row, length in enumerate(lengths):
                ours.all_keys[first + row, :, :length] = theirs.keys[row, :, -length:]
                ours.all_values[first + row, :, :length] = theirs.values[row, :, -length:]

    def step_at(self, at: Tensor, width: int) -> None:
        """Say at which position each row's next token stands, shape (rows,), and the columns that there are then."""
        rows = torch.arange(len(at), device=at.device)
        for layer in self.layers:
            layer.rows, layer.at, layer.width = rows, at, width

    def keep(self, rows: Tensor, width: int) -> None:
        """Move these rows, of at most `width` tokens, to the first places, in their order."""
        for layer in self.layers:
            for memory in (layer.all_keys, layer.all_values):
                memory[: len(rows), :, :width] = memory[rows, :, :width]
