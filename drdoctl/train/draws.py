"""Which token is drawn: a row's own stream of uniform numbers, and top-p over its logits.

Top-p is nucleus sampling (Holtzman et al., arXiv 1904.09751).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from drdoctl.core.chance import GOLDEN, finalised

if TYPE_CHECKING:
    from collections.abc import Sequence

TOPS = (64, 1024)
"""Most likely tokens looked at, in turn, before a row's whole vocabulary: nearly always enough for the nucleus."""


def row_seed(seed: int, prompt_id: str, label: str) -> int:
    """Return the 64-bit seed of one row's stream, from the spec's seed, the prompt and the sampling alone."""
    text = f"{seed}\x00{prompt_id}\x00{label}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "little")


def uniforms(seeds: Sequence[int], steps: int) -> np.ndarray:
    """Return counter-based uniform numbers in [0, 1), shape (len(seeds), steps): splitmix64 of (seed, step)."""
    with np.errstate(over="ignore"):
        counts = np.arange(1, steps + 1, dtype=np.uint64)[None] * np.uint64(GOLDEN)
        state = finalised(np.asarray(seeds, dtype=np.uint64)[:, None] + counts)
    return (state >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _nucleus(ordered: Tensor, top_p: float, draws: Tensor, whole: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the place drawn in each row of descending probabilities (N, K), and whether the K are enough to know it.

    They are where they reach `top_p`, or, where nothing is cut off, what is drawn. `whole`: then the mass of all.
    """
    # rows of cumulative mass are sorted, so counting is a search: comparing all K cells takes longer than the softmax
    mass = ordered.double().cumsum(1)
    last = torch.searchsorted(mass, mass.new_full((len(mass), 1), top_p)).clamp(max=mass.shape[1] - 1)
    total = mass.gather(1, last) if whole is None else whole[:, None]  # the smallest set with at least top_p
    drawn = draws[:, None].double() * total
    place = torch.searchsorted(mass, drawn, right=True)
    enough = mass[:, -1] >= top_p if whole is None else mass[:, -1] > drawn[:, 0]
    return torch.minimum(place, last)[:, 0], enough


def pick(logits: Tensor, temperature: float, top_p: float, draws: Tensor) -> Tensor:
    """Return one token a row, shape (N,), from logits (N, V) and uniform numbers (N,). Temperature 0 is greedy.

    The temperature acts first, then top-p: the smallest set of most likely tokens with at least mass `top_p`.
    """
    if temperature == 0:
        return logits.argmax(1)
    probabilities = torch.softmax(logits.float() / temperature, dim=1)
    vocabulary = logits.shape[1]
    whole = probabilities.sum(1).double() if top_p >= 1 else None
    chosen = torch.empty(len(logits), dtype=torch.int64, device=logits.device)
    left = torch.arange(len(logits), device=logits.device)
    for top in (*(top for top in TOPS if top < vocabulary), vocabulary):
        ordered, tokens = probabilities.topk(top, dim=1)
        place, enough = _nucleus(ordered, top_p, draws, whole)
        chosen[left] = tokens.gather(1, place[:, None])[:, 0]
        wide = (~enough).nonzero()[:, 0]
        if not len(wide):
            break
        left, probabilities, draws = left[wide], probabilities[wide], draws[wide]
        whole = None if whole is None else whole[wide]
    return chosen
