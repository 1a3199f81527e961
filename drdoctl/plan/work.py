"""What a process does in each kind of stage, beside the matrix products: values moved, operations started, start-up.

Counted by hand from what the engine runs in a decoder layer; `benchmarks/cost.py` holds the sums against the clock.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from drdoctl.plan.activations import moved_bytes, on_cpu
from drdoctl.plan.load import Load
from drdoctl.plan.memory import SCORED_AT_ONCE, cache_bytes
from drdoctl.plan.seconds import BACKWARD, Work
from drdoctl.plan.sizes import ModelSize

LAYER_CALLS, TREE_CALLS = 40.0, 10.0
"""Operations of a decoder layer's forward pass: in all, and for each prompt with its responses."""
ADAMW_BYTES = 60.0
"""Bytes moved for a parameter in a step: gradients reduced and clipped, two moments and the weight read and written."""
ZERO_BYTES = {0: 0.0, 1: 24.0, 2: 32.0, 3: 80.0}
"""Bytes more for a parameter by ZeRO stage: flat copies, and whole weights put together again."""
SCORED_ROWS = 12.0
"""Rows in a batch that is scored."""
START_SECONDS = {"forked": 0.15, "together": 0.45, "started": 4.5, "launched": 8.0}
"""Imports, loading, saving: a fork of the warm process, several that have to meet; with CUDA, a process of its own and
DeepSpeed's launcher."""
DATA_SECONDS, TRAINING_SECONDS = 1.3, 0.1
"""The same of the data stage, and what setting up the optimizer adds."""
MOVES = {"gemma": 0.75, "llama": 0.75, "mistral": 0.75, "qwen2": 0.75, "qwen3": 0.75, "gpt_neox": 1.25}
"""Of the bytes that a token leaves for the backward pass, how many are moved: fewer where `train/kernels.py` and
`train/gated.py` make one pass of several, more where biases are added one by one. Measured; else 1."""
FORWARD, LOGIT_BYTES = 0.6, 12.0
"""The same without a backward pass, in terms of one with; and for each logit. Measured."""
READ = (0.25, 0.5)
"""What a byte of weights, and one of keys and values, costs that is only read, in bytes moved: float32 on a CPU."""
PIECE_TOKENS = 8 * SCORED_AT_ONCE
"""Tokens of a piece of a scoring pass; a process takes whole pieces."""
PIECE_BYTES, PIECE_ROWS = 2 << 30, (64, 512)
"""Keys and values of a piece of prompts to sample from, and its rows at least and at most."""


def start_seconds(kind: str, resources: Mapping[str, Any]) -> float:
    """Return the seconds before the first step and after the last."""
    if kind == "data":
        return DATA_SECONDS
    alone, several = ("forked", "together") if on_cpu(resources) else ("started", "launched")
    begun = START_SECONDS[several if resources["processes"] > 1 else alone]
    return begun + (TRAINING_SECONDS if kind in ("sft", "oracle", "align") else 0.0)


def training_step(
    model: ModelSize,
    load: Load,
    tokens: float,
    rows: int,
    dtype: str,
    resources: Mapping[str, Any],
    learnt: int,
    passes: float,
) -> Work:
    """Return one process's work in an optimizer step, but for FLOPs. `tokens`, `rows`: of the step in all processes."""
    processes, layers = resources["processes"], model.shape.layers
    times = passes + BACKWARD + (1 if resources["gradient_checkpointing"] else 0)
    moved = tokens / processes * _moved(model, dtype, cpu=on_cpu(resources)) * times
    calls = (load.micro_batches * LAYER_CALLS + rows / processes * TREE_CALLS) * layers * times
    share = 1 / processes if resources["zero_stage"] else 1.0
    moved += learnt * (ADAMW_BYTES * share + ZERO_BYTES[resources["zero_stage"]])
    return Work(moved=moved, calls=calls)


def scoring(model: ModelSize, tokens: float, rows: float, heads: float, dtype: str) -> Work:
    """Return the work of scoring rows in all, but for FLOPs. `heads`: tokens that go through the LM head."""
    calls = (rows / SCORED_ROWS * LAYER_CALLS + rows * TREE_CALLS) * model.shape.layers
    moved = tokens * _moved(model, dtype, cpu=True) * FORWARD + heads * model.shape.vocabulary * LOGIT_BYTES
    return Work(moved=moved, calls=calls)


def _moved(model: ModelSize, dtype: str, *, cpu: bool) -> float:
    """Return the bytes that a token moves in a forward pass of training."""
    return moved_bytes(model, dtype, cpu=cpu) * MOVES.get(model.shape.model_type, 1.0)


def busiest(pieces: int, processes: int) -> float:
    """Return the share of all pieces that the first process takes: of two processes one is idle at a single piece."""
    return math.ceil(pieces / processes) / pieces


def scored_pieces(tokens: float) -> int:
    """Return the pieces of a scoring pass, one at least."""
    return max(1, math.ceil(tokens / PIECE_TOKENS))


def sampled_pieces(model: ModelSize, prompts: float, longest: float) -> int:
    """Return the pieces of a pass that samples from `prompts` prompts. `longest`: tokens, with the response's limit."""
    least, most = PIECE_ROWS
    rows = min(most, max(least, PIECE_BYTES // max(1.0, cache_bytes(model, longest))))
    return max(1, math.ceil(prompts / rows))


def sampling(
    model: ModelSize,
    prompts: float,
    length: float,
    new: float,
    at_once: float,
    dtype: str,
    resources: Mapping[str, Any],
) -> Work:
    """Return the work of sampling `new` tokens to each prompt, but for FLOPs: every token reads all weights anew."""
    shape, batches = model.shape, max(1.0, prompts / at_once)
    weight, cached = READ if dtype == "fp32" and on_cpu(resources) else (1.0, 1.0)
    read = weight * batches * model.parameters * 4 + cached * prompts * cache_bytes(model, length)
    moved = new * (read + prompts * shape.vocabulary * 4 * 6)
    return Work(moved=moved, calls=batches * new * shape.layers * LAYER_CALLS)
