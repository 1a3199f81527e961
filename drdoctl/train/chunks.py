"""A long scoring pass in pieces, each a file that is whole or absent: a resume computes only what is missing."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
from safetensors.numpy import load, save

from drdoctl.core.progress import Progress, check_stop
from drdoctl.stages import Job
from drdoctl.train.pieces import Pieces
from drdoctl.train.runtime import World
from drdoctl.train.scoring import BATCH_TOKENS, budget_batches

BATCHES_A_CHUNK = 8
PIECES = 1024
"""Files of one table at most, about: a larger table has larger pieces, and a crash costs a thousandth of it."""

Compute = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Row numbers of one batch -> columns of the same length."""


class Chunks:
    """Scores the rows of one table; processes take the pieces in turn."""

    def __init__(self, job: Job, world: World, name: str, lengths: np.ndarray) -> None:
        """`name` tells tables of one stage apart; `lengths` are the rows' unique tokens and fix the pieces."""
        self.job, self.world = job, world
        self.rows = len(lengths)
        self.kept = Pieces(job, name)
        batches = list(budget_batches(lengths, BATCH_TOKENS))
        size = max(BATCHES_A_CHUNK, -(-len(batches) // PIECES))
        self.pieces = [batches[at : at + size] for at in range(0, len(batches), size)]
        # a piece of other pieces, cut by another version, is none of ours
        self.names = [f"{piece:06d}-of-{len(self.pieces):06d}" for piece in range(len(self.pieces))]
        self.lengths = lengths
        self._joins = world.device.type == "cuda"

    def run(self, compute: Compute, progress: Progress) -> dict[str, np.ndarray] | None:
        """Compute what is missing or damaged. The first process returns all columns in row order; the others None."""
        for piece, batches in enumerate(self.pieces):
            mine = piece % self.world.size == self.world.rank
            if mine and not self.kept.there(self.names[piece]):
                check_stop(self.job)
                self._one(piece, compute)
            tokens = int(sum(self.lengths[rows].sum() for rows in batches)) if mine else 0
            progress.update(piece + 1, len(self.pieces), unit="chunk", tokens=tokens)
        if not self.world.first:
            return None
        for piece in self.kept.damaged(self.names, progress):
            check_stop(self.job)
            self._one(piece, compute)
        return self._gather()

    def _one(self, piece: int, compute: Compute) -> None:
        batches = self.pieces[piece]
        # on CUDA `score_batch` finds how much fits; the pieces stay the same on every machine
        parts = [compute(rows) for rows in ([np.concatenate(batches)] if self._joins else batches)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        self.kept.put(self.names[piece], save(columns))

    def _gather(self) -> dict[str, np.ndarray]:
        out: dict[str, np.ndarray] = {}
        for name, batches in zip(self.names, self.pieces, strict=True):
            rows = np.concatenate(batches)
            content = self.kept.whole(name, mended=True)
            columns = load(content)
            for column in _order(content):
                values = columns[column]
                out.setdefault(column, np.empty(self.rows, dtype=values.dtype))[rows] = values
        return out


def _order(content: bytes) -> list[str]:
    """Return the names of a safetensors file's tensors as they lie in it: `load` gives them in another order each time.

    Columns have that order in the artifact, whose bytes must not depend on chance.
    """
    size = int.from_bytes(content[:8], "little")
    return [name for name in json.loads(content[8 : 8 + size]) if name != "__metadata__"]
