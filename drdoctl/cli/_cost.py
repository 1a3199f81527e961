"""What a plan will cost, stage by stage: the table of `plan -v`, from the very document that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.cli._words import duration
from drdoctl.core.columns import aligned

PARTS = ("process", "weights", "gradients", "optimizer", "activations", "logits", "cache", "buffers")
NOTHING = "-"


def cost_text(plan: Mapping[str, Any]) -> str:
    """Return a table: work, memory of one process with its parts, disk, time, and money where a price is given."""
    priced = any("cost" in stage["estimate"] for stage in plan["stages"])
    head = ["stage", "steps", "tokens", "FLOPs", "memory", *PARTS, "disk", "time", *(["money"] if priced else [])]
    rows = [head, *(_row(stage, priced=priced) for stage in plan["stages"])]
    return "\n".join(["Estimates (memory of one process and disk in GiB):", *(f"  {line}" for line in aligned(rows))])


def _row(stage: Mapping[str, Any], *, priced: bool) -> list[str]:
    estimate = stage["estimate"]
    memory = estimate["memory"]
    time = NOTHING if estimate["seconds"] is None else duration(estimate["seconds"])
    money = [f"{estimate['cost']:,.2f}" if "cost" in estimate else NOTHING] if priced else []
    return [
        stage["id"],
        f"{estimate['steps']:,}" if estimate["steps"] else NOTHING,
        f"{estimate['tokens']:,}" if estimate["tokens"] else NOTHING,
        f"{estimate['flops']:.2g}" if estimate["flops"] else NOTHING,
        *(_gib(value) for value in (estimate["memory_gib"], *(memory.get(part, 0) for part in PARTS))),
        _gib(estimate["disk_gib"]),
        time,
        *money,
    ]


def _gib(value: float) -> str:
    return f"{value:.2f}" if value >= 0.005 else NOTHING
