"""Matrix products in float32 on a CPU: by numpy's OpenBLAS, where torch's MKL leaves half of the processor idle.

MKL takes AVX2 on processors that are not Intel's, even where these have AVX-512: on one of AMD's 110 GFLOP/s a thread,
where OpenBLAS reaches 245 and torch's oneDNN as much, which keeps memory for every new length of a batch
(docs/performance.md). OpenBLAS has one thread. As many as torch has share a product's rows, and wait without spinning.
The few rows of a step of sampling, which never come in more than so many lengths, go to oneDNN.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from drdoctl.core.processor import has_wide

ROWS, LEAST = 32, 1 << 20
"""Of fewer rows, or with fewer multiply-adds, MKL makes as much, and its calls cost less."""
SHARED = 1 << 24
"""Multiply-adds from which threads share a product: 0.14 ms of one."""
FEW, LEAST_OF_FEW = 64, 1 << 22
"""Up to so many rows, with no fewer multiply-adds and without gradients, oneDNN takes half to 0.8 of the time."""


@cache
def by_openblas() -> bool:
    """Whether float32 products on a CPU go to OpenBLAS: where `core.processor` found it to have the better kernels.

    That depends on the machine alone, never on a trial, so that a resumed stage does what it did before.
    """
    return has_wide(os.environ) and torch.backends.mkl.is_available() and "openblas" in _blas_of_numpy()


def _blas_of_numpy() -> str:
    """Return the name of the library behind numpy's products."""
    return str(np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"])


def _plain(x: Tensor, weight: Tensor) -> bool:
    return (
        x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and not torch.is_autocast_enabled("cpu")
        and by_openblas()
    )


def _fits(x: Tensor, weight: Tensor) -> bool:
    return x.numel() >= ROWS * x.shape[-1] > 0 and x.numel() * len(weight) >= LEAST and _plain(x, weight)


def _few(x: Tensor, weight: Tensor) -> bool:
    return (
        torch.is_inference_mode_enabled()
        and x.numel() <= FEW * x.shape[-1]
        and x.numel() * len(weight) >= LEAST_OF_FEW
        and weight.is_contiguous()
        and torch.backends.mkldnn.is_available()
        and _plain(x, weight)
    )


@cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:  # noqa: ARG001  # a fork has none of its parent's threads
    return ThreadPoolExecutor(threads)


def _array(matrix: Tensor) -> Any:
    """Return a matrix as numpy's, with rows or columns that lie together: older versions are slow without."""
    matrix = matrix.detach()
    return (matrix if 1 in matrix.stride() else matrix.contiguous()).numpy()


def _parts(rows: int, threads: int) -> Iterator[slice]:
    each = -(-rows // threads)
    return (slice(at, at + each) for at in range(0, rows, each))


def _multiply(x: Any, weight: Any, out: Any, part: slice) -> None:
    with np.errstate(all="ignore"):  # torch says nothing of what is not finite, and neither do we: losses are looked at
        np.matmul(x[part], weight, out=out[part])


def product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return x W' + b, without a gradient. Shapes: (..., K), (N, K), (N,) -> (..., N); any strides."""
    if _few(x, weight):
        return _of_few(x, weight, bias)
    return _made(x, weight, bias) if _fits(x, weight) else functional.linear(x, weight, bias)


def _of_few(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    # the layout is what makes torch ask oneDNN, which reads a bias without looking at its strides; and DeepSpeed puts
    # a function of its own, which does not know the layout, in the place of `functional.linear` for ZeRO 3
    linear: Any = torch.ops.aten.linear
    return linear(x.to_mkldnn(), weight, None if bias is None else bias.contiguous()).to_dense()


def _made(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    out = x.new_empty(*x.shape[:-1], len(weight))
    rows, threads = x.numel() // x.shape[-1], torch.get_num_threads()
    given = _array(x.reshape(rows, -1)), _array(weight).T, out.view(rows, -1).numpy()
    if threads == 1 or x.numel() * len(weight) < SHARED:
        _multiply(*given, slice(rows))
    else:
        list(_pool(os.getpid(), threads).map(partial(_multiply, *given), _parts(rows, threads)))
    return out if bias is None else out.add_(bias)


def of_rows(grad: Tensor, x: Tensor) -> Tensor:
    """Return a weight's gradient: the sum over rows of their outer products. Shapes: (..., N), (..., K) -> (N, K)."""
    return product(grad.flatten(0, -2).T, x.flatten(0, -2).T)


class _Linear(torch.autograd.Function):
    """x W' + b by OpenBLAS, shapes (..., K), (N, K), (N,) -> (..., N)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        of_x, of_weight, _ = ctx.needs_input_grad
        ctx.save_for_backward(x if of_weight else None, weight if of_x else None)  # one is frozen under an adapter
        return _made(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Any:
        x, weight = ctx.saved_tensors
        by_x = None if weight is None else product(grads[0], weight.T)
        by_weight = None if x is None else of_rows(grads[0], x)
        return by_x, by_weight, grads[0].flatten(0, -2).sum(0) if ctx.needs_input_grad[2] else None


def _forward(layer: nn.Linear, whole: Any, x: Tensor) -> Tensor:
    if _few(x, layer.weight):
        return _of_few(x, layer.weight, layer.bias)
    return _Linear.apply(x, layer.weight, layer.bias) if _fits(x, layer.weight) else whole(x)


def use_products(model: nn.Module) -> None:
    """Let a model's linear layers take their products this way, where these are large enough for it to pay."""
    for layer in model.modules():
        if type(layer) is nn.Linear:  # not one of 4 bits, or an adapter around one
            vars(layer)["forward"] = partial(_forward, layer, layer.forward)
