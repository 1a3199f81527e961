"""The part of the catalogue's cards (`zoo/*.yaml`) that follows from their recipes: commands, and the plan's estimate.

Recipes are planned against an empty store, knowing nothing of the Hub: models have the sizes that drdoctl knows, data
sets the rows that it knows, and pairs half of the longest length that the recipe allows. Every machine gives the same.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.diff import diff
from drdoctl.plan.seconds import SPEEDS
from drdoctl.plan.types import Plan, PlannedStage
from drdoctl.spec.facts import Facts
from drdoctl.spec.load import load
from drdoctl.store.artifact import Store

ROOT = Path(__file__).resolve().parents[1]
MARK = "# From here on written by tools/gen.py, from the recipe's plan.\n"
GPU_GIB = 79.0
"""What a GPU of 80 GB leaves to a process."""
GPUS = "two GPUs of 80 GB, at 300 TFLOP/s each in bfloat16 (assumed, not measured)"
CORE = f"one CPU core, at {SPEEDS['cpu'].gflops['fp32']:g} GFLOP/s (assumed)"


def stale_cards() -> dict[Path, str]:
    """Return path -> new text of every card whose file says something else."""
    found = {}
    for path in sorted((ROOT / "zoo").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        written = text.partition(MARK)[0]
        new = written + MARK + _dumped(made(yaml.safe_load(written)))
        if new != text:
            found[path] = new
    return found


def made(card: Mapping[str, Any]) -> dict[str, Any]:
    """Return `commands` and `cost` of a card."""
    plan, sets = _planned(card["recipe"])
    spec, name = f"{card['recipe']}.yaml", card["name"]
    words = "".join(f" --set {one}" for one in sets)
    stages = {stage.want.id: stage for stage in plan.stages}
    estimates = [stage.estimate for stage in plan.stages]
    return {
        "commands": [
            f"drdoctl init {spec} --from {card['recipe']}",
            f"drdoctl apply {spec}{words}",
            f"drdoctl push ARTIFACT zoo/{name} --tag v1 --license {card['license']} --zoo LOCATION",
        ],
        "cost": {
            "machine": CORE if plan.spec["resources"]["device"] == "cpu" else GPUS,
            "hours": _hours(list(stages.values())),
            "own_hours": _hours(_needed(stages, card["stage"])),
            "memory_gib": _up(max(one.memory_gib for one in estimates)),
            "disk_gib": _up(sum(one.disk_gib for one in estimates)),
        },
    }


@cache
def _planned(recipe: str) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan for the stated machine, and what a user has to set there for all stages to fit."""
    path = ROOT / "recipes" / f"{recipe}.yaml"
    if load(path).spec.resources.device == "cpu":
        return _plan(path), ()
    machine = ("resources.device=cuda", f"resources.memory_gib={GPU_GIB}")
    plan = _plan(path, *machine)
    if plan.fit is None:
        return plan, ()
    return _plan(path, *machine, *plan.fit.sets), plan.fit.sets


def _plan(path: Path, *sets: str) -> Plan:
    with _knowing_nothing() as folder:
        loaded = load(path, sets)
        facts = Facts(loaded.base, folder / "store", loaded.spec.zoo, lambda _: None)
        return diff(wanted(loaded.spec, facts), Store(folder / "store"), loaded)


@contextmanager
def _knowing_nothing() -> Iterator[Path]:
    """Give an empty folder, with an empty cache of the Hub meanwhile."""
    before = os.environ.get("HF_HUB_CACHE")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HF_HUB_CACHE"] = f"{folder}/cache"
        try:
            yield Path(folder)
        finally:
            os.environ.pop("HF_HUB_CACHE")
            if before is not None:
                os.environ["HF_HUB_CACHE"] = before


def _needed(stages: Mapping[str, PlannedStage], name: str) -> list[PlannedStage]:
    """Return a stage and all that it needs."""
    found, waiting = {}, [stages[name].want]
    while waiting:
        want = waiting.pop()
        found[want.id] = stages[want.id]
        waiting += want.inputs.values()
    return list(found.values())


def _hours(stages: list[PlannedStage]) -> float:
    """Return two significant digits: an estimate has no more."""
    return float(f"{sum(stage.estimate.seconds or 0 for stage in stages) / 3600:.2g}")


def _up(gib: float) -> float:
    """Return GiB rounded up, to a tenth where they are few."""
    return math.ceil(gib) if gib > 10 else math.ceil(gib * 10) / 10


def _dumped(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, width=200)
