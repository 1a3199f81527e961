"""Logarithms and gates that stay finite. Torch is imported inside the functions: a command line never loads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

LN_2 = 0.6931471805599453
CERTAIN = -1e-6
"""The largest log-probability told from 0: there log(1 - p) is -13.8 and its slope -1e6, both finite in float32."""


def widen(values: Tensor) -> Tensor:
    """Return the values in float32, or in float64 where they already are: losses never compute in half precision."""
    import torch

    return values if values.dtype in (torch.float32, torch.float64) else values.to(torch.float32)


def log1mexp(log_p: Tensor) -> Tensor:
    """Return log(1 - exp(z)) for z = log p <= 0, any shape; values above `CERTAIN` are taken for `CERTAIN`.

    Near 0 it is log(-expm1(z)), far from it log1p(-exp(z)): each where the other loses its digits (Mächler, 2012,
    "Accurately computing log(1 - exp(-|a|))"). Value and gradient are finite for every z, -inf included.
    """
    import torch

    z = widen(log_p).clamp(max=CERTAIN)
    near = z > -LN_2
    # each branch sees only arguments it can take: `where` alone would let a NaN gradient of the unused branch through
    close = torch.log(-torch.expm1(torch.where(near, z, -LN_2)))
    far = torch.log1p(-torch.exp(torch.where(near, -LN_2, z)))
    return torch.where(near, close, far)


def focal_gate(margin: Tensor, gamma: float) -> Tensor:
    """Return (1 - sigmoid(margin))^gamma, any shape, as exp(gamma * logsigmoid(-margin)): no 0 * inf for any margin."""
    import torch
    from torch.nn.functional import logsigmoid

    return torch.exp(gamma * logsigmoid(-widen(margin)))


def share_above(margin: Tensor) -> Tensor:
    """Return 1 where the margin is above 0, 1/2 where it is 0, else 0: its mean is an accuracy, half of ties."""
    import torch

    return (torch.sign(widen(margin.detach())) + 1) / 2
