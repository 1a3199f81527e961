"""A step's metrics: their means over the global batch, and metrics.jsonl, one line a step.

The file has the same bytes whether the run was interrupted or not, so there are no times in it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from drdoctl.core.files import disk_errors, write_atomic
from drdoctl.core.metrics import read_metrics
from drdoctl.methods import LossOut
from drdoctl.train.runtime import World


class MetricsFile:
    """Appends a line a step; on resume, lines after the checkpoint are cut."""

    def __init__(self, path: Path) -> None:
        """`path` need not exist."""
        self.path = path

    def truncate(self, step: int) -> list[dict[str, Any]]:
        """Keep the lines of the first `step` steps, all of which have one, and return them; what follows goes."""
        kept = read_metrics(self.path)[:step]
        write_atomic(self.path, "".join(_line(line) for line in kept))
        return kept

    def last_step(self) -> int:
        """Return the step up to which every step has its line; 0 where none has."""
        steps = [line.get("step") for line in read_metrics(self.path)]
        return next((number for number, step in enumerate(steps) if step != number + 1), len(steps))

    def append(self, step: int, values: dict[str, float]) -> None:
        """Add the step's line."""
        with disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(_line({"step": step, **values}))


def _line(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True) + "\n"


class Sums:
    """Sums of losses and metrics over micro-batches, in float64, on their device: a copy makes the host wait for it."""

    def __init__(self) -> None:
        self.values: dict[str, Tensor] = {}
        self.tokens = 0

    def add(self, out: LossOut, tokens: int) -> None:
        """Add one micro-batch."""
        for name, value in {"loss": out.losses, **out.metrics}.items():
            total = value.detach().double().sum()
            self.values[name] = total + self.values.get(name, 0.0)
        self.tokens += tokens

    def means(self, world: World, rows: int) -> tuple[dict[str, float], int]:
        """Return the means over all processes' rows, and their tokens."""
        names = sorted(self.values)
        sums = torch.stack([self.values[name] for name in names]).cpu()
        summed = world.total(torch.cat([sums, torch.tensor([self.tokens], dtype=torch.float64)]))
        return {name: float(value) / rows for name, value in zip(names, summed, strict=False)}, int(summed[-1])
