"""What a token leaves for the backward pass, counted by hand from what autograd keeps in each architecture.

Rotary positions and RMSNorm are those of `train/kernels.py`, gated MLPs those of `train/gated.py`, attention that of
`train/attention.py`, the last layer that of `train/last_layer.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.architectures import GATED
from drdoctl.plan.load import Load
from drdoctl.plan.sizes import ModelSize

FP32, BF16 = 4, 2
LOGITS_AT_ONCE = 1 << 24
"""Logits that the LM head makes at once."""
LOGITS_KEPT = 1 << 26
"""Log-softmaxes that are kept for the backward pass, in whose place their gradient is made."""

RECOMPUTED = 2.5
"""With checkpointing, a layer's values made again, and the holes that layers made before it left: measured, 2 to 3."""


def on_cpu(resources: Mapping[str, Any]) -> bool:
    """Whether the stage is taken to compute on the CPU: nothing is asked of the machine, so `auto` is a CPU."""
    return bool(resources["device"] != "cuda")


def kept_bytes(
    model: ModelSize, load: Load, dtype: str, resources: Mapping[str, Any], *, adapted: bool = False
) -> float:
    """Return the bytes of what the backward pass needs of a micro-batch, and of a layer's gradients on its way back.

    `adapted`: there is an adapter around each MLP's last matrix, which keeps what that reads. The last layer's MLP and
    the final norm see only the tokens that are read. While logits are there no layer's gradients are, so of the two the
    larger adds to the peak; the logits are counted elsewhere.
    """
    shape, again = model.shape, remade_bytes(model, dtype) if adapted else 0.0
    whole = load.tokens * (_layer_bytes(model, dtype, cpu=on_cpu(resources)) + again)
    unread = load.tokens - load.heads
    last = whole - unread * (_mlp_bytes(model, dtype) + again)
    # gradients of the widest values, while a layer is gone through
    passing = load.tokens * passing_bytes(model)
    passing = max(0.0, passing - logit_bytes(model, load.heads, dtype, kept=LOGITS_KEPT) - last)
    if resources.get("activation_offload") and not on_cpu(resources):
        # what the backward pass needs lies in the CPU's memory, but for the layer at work
        return whole + passing
    every = (shape.layers - 1) * whole + last
    if resources["gradient_checkpointing"]:
        every = min(every, load.tokens * shape.layers * shape.hidden * FP32 + RECOMPUTED * whole)
    return every + passing


def activation_bytes(model: ModelSize, dtype: str, *, cpu: bool) -> float:
    """Return the bytes that a token leaves for the backward pass in all layers, where all of it is read."""
    return model.shape.layers * _layer_bytes(model, dtype, cpu=cpu)


def moved_bytes(model: ModelSize, dtype: str, *, cpu: bool) -> float:
    """Return the bytes that a token writes in all layers for the backward pass: what it leaves, and what is remade."""
    return activation_bytes(model, dtype, cpu=cpu) + model.shape.layers * remade_bytes(model, dtype)


def _layer_bytes(model: ModelSize, dtype: str, *, cpu: bool) -> float:
    """Return the bytes that a token leaves for the backward pass in one decoder layer, as autograd keeps them.

    A norm keeps its input in float32 (`train/kernels.py` recomputes the normalised values), the matrices keep what
    they read: in bfloat16 one narrow copy, but a copy for each of OPT's queries, keys and values. GPT-NeoX's two norms
    have one input. Qwen3 has norms of queries and keys, in transformers' own form.
    """
    shape = model.shape
    inputs = 1 if shape.model_type == "gpt_neox" else 2
    outputs = 4 if dtype == "bf16" and shape.model_type == "opt" else 2
    norms = inputs * shape.hidden * FP32 + outputs * shape.hidden * _width(dtype)
    heads = (shape.q_width + shape.kv_width) * (FP32 + _width(dtype)) if shape.model_type == "qwen3" else 0
    attention = _flash_bytes(model, dtype) if cpu else SEGMENT_VALUES * (shape.q_width + shape.alibi) * _width(dtype)
    return norms + heads + attention + _mlp_bytes(model, dtype)


def _flash_bytes(model: ModelSize, dtype: str) -> float:
    """Return what `train/flash.py` keeps of a token: queries, keys, values, result, each head's sum; all wide.

    In bfloat16 the output's matrix keeps a narrow copy of the result; Bloom's a copy without ALiBi's features.
    """
    shape = model.shape
    wide = 2 * shape.q_width + 2 * shape.kv_width + shape.heads + 4 * shape.alibi
    return wide * FP32 + (shape.q_width * _width(dtype) if dtype == "bf16" or shape.alibi else 0)


def _mlp_bytes(model: ModelSize, dtype: str) -> float:
    """Return the bytes a token leaves in an MLP: gate and up, or what the activation reads and gives."""
    return 2 * model.shape.mlp * _width(dtype)


def remade_bytes(model: ModelSize, dtype: str) -> float:
    """Return the bytes of a token that a gated MLP makes again in the backward pass: the activation and the product."""
    return 2 * model.shape.mlp * _width(dtype) if model.shape.model_type in GATED else 0.0


def _width(dtype: str) -> int:
    return BF16 if dtype == "bf16" else FP32


SEGMENT_VALUES = 6.8
"""Attention by segment: queries, keys and values joined for each response (a prompt's once more for the second), the
queries before, the result by tree and laid out anew: 5 for demonstrations, 6.6 for pairs of which half is prompt, and
their masks."""


def logit_bytes(model: ModelSize, heads: float, dtype: str, *, kept: int = LOGITS_AT_ONCE) -> float:
    """Return the bytes of logits for `heads` predicted tokens, in float32 (and bfloat16 before), and of log-softmaxes.

    `kept`: how many of these there are at most, cells.
    """
    cells = heads * model.shape.vocabulary
    made = min(cells, LOGITS_AT_ONCE) * (FP32 + (BF16 if dtype == "bf16" else 0))
    return made + min(cells, kept) * FP32


def passing_bytes(model: ModelSize) -> float:
    """Return the bytes a token has at once in a forward pass that keeps nothing: one layer's widest values."""
    shape = model.shape
    return (3 * shape.hidden + max(6 * shape.q_width, 3 * shape.mlp)) * FP32
