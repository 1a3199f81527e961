"""What the pairs of each data stage are like, step by step: the table of `plan -v`, from the plan's JSON document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.columns import aligned

NOTHING = "-"
HEAD = ["pairs", "rows", "confidence", "edit distance", "length ratio", "longer chosen", "flipped"]


def pairs_text(plan: Mapping[str, Any]) -> str:
    """Return a table: rows, means with medians in brackets, and shares; empty where no data stage is done."""
    rows: list[list[str]] = []
    shown: list[Any] = []
    for stage in plan["stages"]:
        for part, steps in sorted(stage.get("pairs", {}).items(), reverse=True):  # train before eval
            if part != "train" and steps in shown:
                continue  # no split touches held-out pairs
            shown.append(steps)
            names = [f"{stage['id']} {part}: {steps[0]['after']}", *(f"  after {step['after']}" for step in steps[1:])]
            rows += [_row(name, step) for name, step in zip(names, steps, strict=True)]
    if not rows:
        return ""
    title = "Pairs (means, medians in brackets; longer: by 10 % or more, of pairs of unlike length):"
    return "\n".join([title, *(f"  {line}" for line in aligned([HEAD, *rows]))])


def _row(name: str, step: Mapping[str, Any]) -> list[str]:
    pairs = [(step[f"mean_{column}"], step[f"median_{column}"]) for column in ("confidence", "edit_distance")]
    pairs.append((step["mean_length_ratio"], step["median_length_ratio"]))
    longer = NOTHING if step["longer_chosen"] is None else f"{step['longer_chosen']:.1%}"
    flipped = f"{step['flipped']:,}" if step["flipped"] else NOTHING
    return [name, f"{step['rows']:,}", *(_both(*pair) for pair in pairs), longer, flipped]


def _both(mean: float | None, median: float | None) -> str:
    return NOTHING if mean is None or median is None else f"{mean:.3g} ({median:.3g})"
