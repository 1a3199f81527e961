"""A gated MLP, down(f(gate) * up), that keeps two widths of each token for the backward pass where autograd keeps four.

autograd keeps the gate, its activation, `up` and their product. The activation and the product are made again from the
other two, which costs two passes over memory. Sources: Shazeer, arXiv 2002.05202 (SwiGLU); Korthikanti et al., arXiv
2205.05198, section 5 (recomputing what is cheap and large).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from drdoctl.train.products import of_rows, product


class Activation(NamedTuple):
    """f, and what carries a gradient back through it: (gradient by f(x), x) -> gradient by x."""

    value: Callable[[Tensor], Tensor]
    back: Callable[[Tensor, Tensor], Tensor]


KNOWN = {
    "SiLUActivation": Activation(functional.silu, torch.ops.aten.silu_backward),
    "GELUActivation": Activation(functional.gelu, torch.ops.aten.gelu_backward),
    "GELUTanh": Activation(
        partial(functional.gelu, approximate="tanh"), partial(torch.ops.aten.gelu_backward, approximate="tanh")
    ),
    "ReLU": Activation(functional.relu, lambda grad, x: grad * (x > 0)),
}
"""By the class of transformers' activation."""


class _Down(torch.autograd.Function):
    """(f(gate) * up) W', shapes (..., F), (..., F), (D, F) -> (..., D)."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor, weight: Tensor, activation: Activation) -> Tensor:
        ctx.save_for_backward(gate, up, weight)
        ctx.activation = activation
        return product(activation.value(gate).mul_(up), weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        gate, up, weight = ctx.saved_tensors
        grad = grads[0]
        active = ctx.activation.value(gate)
        by_weight = None
        if ctx.needs_input_grad[2]:  # not a frozen one, under an adapter
            by_weight = of_rows(grad, active * up).to(weight.dtype)
        inner = product(grad, weight.to(grad.dtype).T)
        by_up = active.mul_(inner)
        by_gate = ctx.activation.back(inner.mul_(up), gate)
        return by_gate, by_up, by_weight, None


def _down(module: nn.Linear, whole: Any, activation: Activation, first: Tensor, up: Tensor | None = None) -> Tensor:
    """Be a linear layer that also takes a gate and `up`: a module, so that what hangs on its calls (ZeRO-3) is done."""
    return whole(first) if up is None else _Down.apply(first, up, module.weight, activation)


def _forward(mlp: Any, whole: Any, x: Tensor) -> Tensor:
    if type(mlp.down_proj) is not nn.Linear:  # an adapter around it, or weights in 4 bits
        return whole(x)
    if hasattr(mlp, "gate_up_proj"):
        return mlp.down_proj(*mlp.gate_up_proj(x).chunk(2, dim=-1))
    return mlp.down_proj(mlp.gate_proj(x), mlp.up_proj(x))


def use_gated(mlp: Any) -> None:
    """Give an MLP of Llama's or Phi-3's kind this form, if its activation is known and its last matrix has no bias."""
    down = getattr(mlp, "down_proj", None)
    of = getattr(mlp, "act_fn", getattr(mlp, "activation_fn", None))
    activation = KNOWN.get(type(of).__name__)
    if activation is None or type(down) is not nn.Linear or down.bias is not None:
        return
    down.forward = partial(_down, down, down.forward, activation)
    mlp.forward = partial(_forward, mlp, mlp.forward)
