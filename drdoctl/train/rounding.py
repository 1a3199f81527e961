"""Lengths rounded up, for bfloat16 on a CPU: oneDNN makes a kernel for every length it meets, and keeps it.

Nearly every micro-batch has a length of its own, so a process grew by 35 MiB a step, to more than a GiB. Sixteen
lengths an octave keep the kernels few, for 3 % more tokens on average (docs/performance.md has the measurement).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from drdoctl.train.batches import FlatBatch

STEPS_PER_OCTAVE = 16


def lacking(length: int) -> int:
    """Return how many are lacking to the next rounded length: multiples of 64 from 1,024 on, of 128 from 2,048 on."""
    step = 1 << max(0, length.bit_length() - STEPS_PER_OCTAVE.bit_length())
    return -length % step


def kernels_by_length(device: torch.device) -> bool:
    """Whether matrix products make a kernel for each length: under autocast on a CPU."""
    return device.type == "cpu" and torch.is_autocast_enabled("cpu")


def rounded(batch: FlatBatch, reads: Tensor) -> tuple[FlatBatch, Tensor]:
    """Return a batch with a prompt of padding behind all others, and as many reads more; neither changes any state.

    `reads`, shape (M,), ascending, is still so: what is added reads the last token.
    """
    tokens = batch.input_ids.shape[1]
    more = lacking(tokens)
    if more:
        ids, positions = (F.pad(row, (0, more)) for row in (batch.input_ids, batch.position_ids))
        batch = replace(batch, input_ids=ids, position_ids=positions, trees=(*batch.trees, (more, ())))
    return batch, F.pad(reads, (0, lacking(len(reads))), value=tokens + more - 1)
