"""Matrices in 4 bits: NF4 with double quantization (QLoRA, arXiv 2305.14314, section 3), through bitsandbytes.

A base is packed while its adapter is trained, and rounded (packed and unpacked again) wherever else it is read, so
that training, the reference and the merged model have the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from drdoctl.core.adapters import NO_LIBRARY
from drdoctl.core.errors import Fault, UserError


def bitsandbytes() -> Any:
    """Return bitsandbytes. Raises UserError with the command that installs it."""
    try:
        import bitsandbytes as found
    except ImportError as error:
        raise UserError([Fault(*NO_LIBRARY)]) from error
    return found


def pack(lm: Any, found: Mapping[str, nn.Linear], device: torch.device, dtype: torch.dtype) -> None:
    """Replace matrices of `lm` (dotted name -> module) by 4-bit ones on `device` that compute in `dtype`, in place.

    One after the other, so that the device never holds them whole.
    """
    bnb = bitsandbytes()
    for name, linear in found.items():
        made = bnb.nn.Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            compute_dtype=dtype,
            compress_statistics=True,
            quant_type="nf4",
            device="meta",
        )
        weight = linear.weight.data
        made.weight = bnb.nn.Params4bit(weight, requires_grad=False, quant_type="nf4", compress_statistics=True)
        made.bias = linear.bias
        lm.set_submodule(name, made.to(device))


def packed(module: nn.Module) -> bool:
    """Whether a module is a 4-bit matrix."""
    return type(module).__name__ == "Linear4bit"


def unpacked(module: Any) -> Any:
    """Return a 4-bit matrix as an ordinary one in float32 in the CPU's memory; any other module as it is."""
    if not packed(module):
        return module
    plain = nn.Linear(module.in_features, module.out_features, bias=module.bias is not None, device="meta")
    weight = bitsandbytes().functional.dequantize_4bit(module.weight.data, module.weight.quant_state)
    plain.weight = nn.Parameter(weight.float().cpu())
    if module.bias is not None:
        plain.bias = nn.Parameter(module.bias.data.float().cpu())
    return plain


@torch.no_grad()
def round_trip(found: Mapping[str, nn.Linear]) -> None:
    """Round matrices to the values that 4 bits hold, in place."""
    functional = bitsandbytes().functional
    for linear in found.values():
        values, state = functional.quantize_4bit(linear.weight.data, quant_type="nf4", compress_statistics=True)
        linear.weight.copy_(functional.dequantize_4bit(values, state))
