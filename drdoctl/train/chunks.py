"""A long scoring pass in pieces, each a file that is whole or absent: a resume computes only what is missing."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from drdoctl.core.files import write_via
from drdoctl.core.progress import Progress, check_stop
from drdoctl.stages import Job
from drdoctl.train.runtime import World
from drdoctl.train.scoring import BATCH_TOKENS, budget_batches

BATCHES_A_CHUNK = 8
PIECES = 1024
"""Files of one table at most, about: a larger table has larger pieces, and a crash costs a thousandth of it."""
POLL_SECONDS = 0.2

Compute = Callable[[np.ndarray], dict[str, np.ndarray]]
"""Row numbers of one batch -> columns of the same length."""


def wait_for(file: Path, job: Job) -> None:
    """Return as soon as another process has written a file. Raises StopRequested where the parent asks for an end."""
    while not file.exists():
        check_stop(job)
        time.sleep(POLL_SECONDS)


class Chunks:
    """Scores the rows of one table; processes take the pieces in turn."""

    def __init__(self, job: Job, world: World, name: str, lengths: np.ndarray) -> None:
        """`name` tells tables of one stage apart; `lengths` are the rows' unique tokens and fix the pieces."""
        self.job, self.world = job, world
        self.rows = len(lengths)
        self.folder = job.path("work", name)
        self.folder.mkdir(parents=True, exist_ok=True)
        batches = list(budget_batches(lengths, BATCH_TOKENS))
        size = max(BATCHES_A_CHUNK, -(-len(batches) // PIECES))
        self.pieces = [batches[at : at + size] for at in range(0, len(batches), size)]
        self.lengths = lengths
        self._joins = world.device.type == "cuda"

    def _file(self, piece: int) -> Path:
        # a piece of other pieces, cut by another version, is none of ours
        return self.folder / f"{piece:06d}-of-{len(self.pieces):06d}.safetensors"

    def run(self, compute: Compute, progress: Progress) -> dict[str, np.ndarray] | None:
        """Compute what is missing. The first process returns all columns in row order; the others None."""
        for piece, batches in enumerate(self.pieces):
            mine = piece % self.world.size == self.world.rank
            if mine and not self._file(piece).exists():
                check_stop(self.job)
                self._one(piece, batches, compute)
            tokens = int(sum(self.lengths[rows].sum() for rows in batches)) if mine else 0
            progress.update(piece + 1, len(self.pieces), unit="chunk", tokens=tokens)
        return self._gather() if self.world.first else None

    def _one(self, piece: int, batches: list[np.ndarray], compute: Compute) -> None:
        # on CUDA `score_batch` finds how much fits; the pieces stay the same on every machine
        parts = [compute(rows) for rows in ([np.concatenate(batches)] if self._joins else batches)]
        columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        columns["row"] = np.concatenate(batches).astype(np.int64)
        write_via(self._file(piece), lambda path: save_file(columns, path))

    def _gather(self) -> dict[str, np.ndarray]:
        out: dict[str, np.ndarray] = {}
        for piece in range(len(self.pieces)):
            wait_for(self._file(piece), self.job)
            columns = load_file(self._file(piece))
            rows = columns.pop("row")
            for name, values in columns.items():
                out.setdefault(name, np.empty(self.rows, dtype=values.dtype))[rows] = values
        return out

    def clear(self) -> None:
        """Drop the pieces once the table is written."""
        shutil.rmtree(self.folder, ignore_errors=True)
