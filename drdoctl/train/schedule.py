"""Which rows a step takes, and its learning rate: both pure functions of the step, so that a resume needs no state."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np


def total_steps(settings: Mapping[str, Any], rows: int) -> int:
    """Return the optimizer steps: `max_steps`, or `epochs` passes with the last short batch left out."""
    if settings["max_steps"] is not None:
        return int(settings["max_steps"])
    return max(1, int(settings["epochs"] * rows // settings["global_batch"]))


def epoch_order(rows: int, seed: int, epoch: int) -> np.ndarray:
    """Return the order in which an epoch takes the rows. Shape (rows,)."""
    return np.random.default_rng([seed, epoch]).permutation(rows)


def mismatched(rows: int, seed: int) -> np.ndarray:
    """Return for each row another one, whose responses stand in for answers to its prompt. Shape (rows,).

    It is the row before it in the order of the first epoch, which is closed to a ring: a function of the rows and the
    seed alone, so that the reference's log-probabilities can be cached, and in that epoch mostly a row of the same
    batch. A single row is its own partner. Rows that share a prompt may meet, as rarely as chance has it.
    """
    order = epoch_order(rows, seed, 0)
    partners = np.empty(rows, dtype=np.int64)
    partners[order] = np.roll(order, 1)
    return partners


class Order:
    """A seeded permutation for each epoch, one after the other without a seam; a batch may straddle two epochs."""

    def __init__(self, rows: int, global_batch: int, seed: int) -> None:
        """`rows` are shuffled anew in each epoch from (seed, epoch)."""
        self.rows, self.global_batch, self.seed = rows, global_batch, seed
        self._epoch = lru_cache(maxsize=2)(self._permutation)

    def _permutation(self, epoch: int) -> np.ndarray:
        return epoch_order(self.rows, self.seed, epoch)

    def batch(self, step: int) -> np.ndarray:
        """Return the row numbers of a step (from 0). Shape (global_batch,)."""
        places = np.arange(step * self.global_batch, (step + 1) * self.global_batch)
        return np.array([self._epoch(int(place) // self.rows)[int(place) % self.rows] for place in places])


def warmup_steps(settings: Mapping[str, Any], steps: int) -> int:
    """Return the steps of linear warm-up."""
    if settings["warmup_ratio"] is not None:
        return round(settings["warmup_ratio"] * steps)
    return int(settings["warmup_steps"] or 0)


def learning_rate(settings: Mapping[str, Any], step: int, steps: int) -> float:
    """Return the learning rate of a step (from 0): linear warm-up, then cosine or linear decay to 0, or constant."""
    peak, warm = settings["learning_rate"], warmup_steps(settings, steps)
    if step < warm:
        return float(peak * (step + 1) / warm)
    done = (step - warm) / max(1, steps - warm)
    factor = {"cosine": 0.5 * (1 + math.cos(math.pi * done)), "linear": 1 - done, "constant": 1.0}
    return float(peak * factor[settings["scheduler"]])
