"""Activations in the CPU's memory: what the backward pass needs waits there, not on the accelerator."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks


def activations_on_cpu(device: torch.device) -> saved_tensors_hooks:
    """Return a context whose forward passes keep their activations in the CPU's memory until the backward pass.

    Weights stay where they are: they take no memory of their own in the graph. From CUDA the copies go to pinned
    memory, so that they overlap with computing; on a CPU nothing is copied. Values do not change, but for
    rounding where a copy lies otherwise in memory.
    """
    moved = save_on_cpu(pin_memory=device.type == "cuda")

    def pack(tensor: Tensor) -> Any:
        weight = tensor if tensor._base is None else tensor._base  # noqa: SLF001 -- a linear layer saves its weight's transpose
        return tensor if isinstance(weight, nn.Parameter) else moved.pack_hook(tensor)

    def unpack(packed: Any) -> Tensor:
        return packed if isinstance(packed, Tensor) else moved.unpack_hook(packed)

    return saved_tensors_hooks(pack, unpack)
