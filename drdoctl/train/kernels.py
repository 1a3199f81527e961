"""RMSNorm and rotary positions in fewer passes over memory than autograd takes: the same values, to rounding.

transformers writes both as chains of elementwise operations, of which autograd keeps and differentiates every link. On
a CPU that is a twentieth of an alignment step; docs/performance.md has the measurement. Sources: Zhang and Sennrich,
arXiv 1910.07467 (RMSNorm); Su et al., arXiv 2104.09864 (rotary positions, in the layout of two halves). Gated MLPs
(`gated.py`) are given their form here, too.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from drdoctl.train.bloom import use_interface
from drdoctl.train.gated import use_gated
from drdoctl.train.products import use_products

HALVES = ("gemma", "llama", "mistral", "qwen2", "qwen3")
"""Types that rotate whole heads, with one function of their module for queries and keys."""
CENTRED = "GemmaRMSNorm"
"""A norm that keeps its weight less one."""


class _Norm(torch.autograd.Function):
    """w * x / rms(x), in float32 or wider, given as `dtype`."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float, dtype: torch.dtype) -> Tensor:
        power = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1])
        scale = power.add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(weight).to(dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight, scale = ctx.saved_tensors
        grad = grads[0].to(x.dtype)
        unit = x * scale
        both = grad * unit
        with torch.autocast(x.device.type, enabled=False):
            along = (both @ (weight / len(weight))).unsqueeze(-1)
        inner = (grad * weight).addcmul_(unit, along, value=-1).mul_(scale)
        # a frozen weight (under an adapter) needs no gradient
        return inner, both.flatten(0, -2).sum(0) if ctx.needs_input_grad[1] else None, None, None


def _rms_norm(module: Any, whole: Any, narrow: bool, x: Tensor) -> Tensor:
    if x.dtype not in (torch.float32, torch.float64) or module.weight.dtype != x.dtype:
        return whole(x)
    kind = x.device.type
    # under autocast several matrices read this: one cast for all, where autocast would keep a copy for each
    dtype = torch.get_autocast_dtype(kind) if narrow and torch.is_autocast_enabled(kind) else x.dtype
    if type(module).__name__ == CENTRED:
        return _Norm.apply(x, 1 + module.weight, module.eps, dtype)
    return _Norm.apply(x, module.weight, module.variance_epsilon, dtype)


class _Rotate(torch.autograd.Function):
    """[a, b] -> [a cos - b sin, b cos + a sin]; its gradient turns the other way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.dtype = x.dtype
        return _turn(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        cos, sin = ctx.saved_tensors
        return _turn(grads[0], cos, sin, -1).to(ctx.dtype), None, None


def _turn(x: Tensor, cos: Tensor, sin: Tensor, way: int) -> Tensor:
    first, second = x.chunk(2, -1)
    of_first, of_second = sin.chunk(2, -1)
    out = x * cos
    out_first, out_second = out.chunk(2, -1)
    if way > 0:
        out_first.addcmul_(second, of_first, value=-1)
        out_second.addcmul_(first, of_second)
    else:  # the transpose: each half takes the other's sine
        out_first.addcmul_(second, of_second)
        out_second.addcmul_(first, of_first, value=-1)
    return out


def rotate(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> tuple[Tensor, Tensor]:
    """Rotate queries and keys, shapes (N, H, T, D), by cosines and sines (N, T, D): transformers' own signature."""
    return turned(q, cos, sin, unsqueeze_dim), turned(k, cos, sin, unsqueeze_dim)


def turned(x: Tensor, cos: Tensor, sin: Tensor, unsqueeze_dim: int = 1) -> Tensor:
    """Rotate heads, shape (N, H, T, D), by cosines and sines (N, T, D)."""
    return _Rotate.apply(x, cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim))


def layers_of(model: Any) -> Any:
    """Return a model's decoder layers, in their order."""
    trunk = model.base_model
    return trunk.h if hasattr(trunk, "h") else getattr(trunk, "decoder", trunk).layers


def use_kernels(model: Any) -> None:
    """Give a model's RMSNorms over the hidden width, and its rotary positions, these forms.

    Their gated MLPs keep less, and Bloom comes to transformers' attention interface (`bloom.py`). Layer norms, norms of
    single heads and partial rotations stay as they are. The rotation is a function of transformers' module, so every
    model of that type in this process gets it: a stage's process holds no other's.
    """
    if model.config.model_type == "bloom":
        use_interface(model)
    use_products(model)
    layers = layers_of(model)
    for layer in layers:
        for name in ("input_layernorm", "post_attention_layernorm"):
            _replace(getattr(layer, name, None), narrow=True)
        use_gated(getattr(layer, "mlp", None))
    _replace(getattr(model.base_model, "norm", None), narrow=False)  # rewards are read from it in float32
    if model.config.model_type in HALVES:
        vars(sys.modules[type(layers[0].self_attn).__module__])["apply_rotary_pos_emb"] = rotate


def _replace(norm: nn.Module | None, *, narrow: bool) -> None:
    if norm is not None and type(norm).__name__.endswith("RMSNorm"):
        norm.forward = partial(_rms_norm, norm, norm.forward, narrow)
