"""A plan as text, from the very document that `--json` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from drdoctl.cli._grid import choice_lines, folded_lines, grid_lines, is_folded
from drdoctl.cli._words import duration

SYMBOLS = {"reuse": "=", "run": "+", "resume": ">", "rerun": "~", "pull": "<"}
MEANINGS = {"reuse": "reuse", "run": "run", "resume": "resume", "rerun": "run again", "pull": "pull"}
NOTHING = "Nothing was executed."
NAMES = 6
"""Names to publish that are listed; what more there are, are counted."""


def plan_text(plan: Mapping[str, Any], spec: str, *, every: bool = False) -> str:
    """Return the text of a plan: legend, one line a stage, and a summary. `spec`: how the user names the spec.

    A large matrix is shown as its grid and one line a kind of stage, unless `every` stage is asked for.
    """
    stages = plan["stages"]
    if all(stage["action"] == "reuse" for stage in stages):
        count = f"All {len(stages)} artifacts match" if len(stages) != 1 else "The one artifact matches"
        return f"No changes. {count} {spec}."
    there = [action for action in SYMBOLS if plan["summary"][action]]
    legend = "Legend: " + "   ".join(f"{SYMBOLS[action]} {MEANINGS[action]}" for action in there)
    if is_folded(plan) and not every:
        lines = [*grid_lines(plan["grid"]), *folded_lines(plan, SYMBOLS, _size, _total)]
    else:
        lines = [*_lines(stages), *choice_lines(plan.get("grid"))]
    return "\n".join([legend, *lines, *_server(plan), *_judge(plan), *_zoo(plan), _summary(plan)])


def _lines(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    rows = [
        (SYMBOLS[stage["action"]], stage["id"], stage["artifact"], _size(stage), stage["reason"]["text"])
        for stage in stages
    ]
    widths = [max(len(row[column]) for row in rows) for column in (1, 2, 3)]
    return [
        f"  {mark} {name:<{widths[0]}}  {artifact:<{widths[1]}}  {size:>{widths[2]}}  {text}".rstrip()
        if widths[2]
        else f"  {mark} {name:<{widths[0]}}  {artifact:<{widths[1]}}  {text}".rstrip()
        for mark, name, artifact, size, text in rows
    ]


def _server(plan: Mapping[str, Any]) -> list[str]:
    """Return a line that says which server samples, where one will."""
    spec = plan["spec"]
    ahead = any(stage["kind"] == "evaluate" and stage["action"] != "reuse" for stage in plan["stages"])
    if not ahead or "server" not in (spec["sampler"], *spec["matrix"].get("sampler", ())):
        return []
    server = spec["resources"]["server"]
    where = f"at {server['url']}" if server["url"] else f"started for each evaluation as `{server['command']}`"
    return [f"Sampling: by the server {where}."]


def _judge(plan: Mapping[str, Any]) -> list[str]:
    """Return a line that says which language model will be asked how much, and where it is, where one will."""
    ahead = [stage["estimate"] for stage in plan["stages"] if stage["action"] != "reuse"]
    asked = [estimate["judge"] for estimate in ahead if "judge" in estimate]
    if not asked:
        return []
    names = ", ".join(dict.fromkeys(f"`{name}`" for one in asked for name in one["models"]))
    requests, read, wrote = (sum(one[key] for one in asked) for key in ("requests", "tokens_in", "tokens_out"))
    parts = [f"{requests:,} requests", f"about {_amount(read)} tokens in and {_amount(wrote)} out"]
    if any("cost" in one for one in asked):
        parts.append(f"about {sum(one.get('cost', 0) for one in asked):,.2f}")
    where = plan["spec"]["resources"]["judge"]["url"]
    return [f"Judging: by {names} at {where}: {', '.join(parts)}; replies that the store has are not asked for again."]


def _zoo(plan: Mapping[str, Any]) -> list[str]:
    """Return a line with the names that will be published, where some will."""
    names = [stage["publishes"] for stage in plan["stages"] if stage["action"] != "reuse" and "publishes" in stage]
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    where = f" in `{plan['spec']['zoo']}`" if plan["spec"].get("zoo") else ""
    return [f"Publishing: {', '.join(f'`{name}`' for name in names[:NAMES])}{more}{where}."] if names else []


def _size(stage: Mapping[str, Any]) -> str:
    """Return how long a stage that will run takes: in seconds where earlier ones tell, else in steps or tokens."""
    estimate = stage["estimate"]
    if stage["action"] in ("reuse", "pull"):
        return ""
    if estimate["seconds"] is not None and estimate.get("basis") != "assumed":
        return f"about {duration(_left(stage, 'seconds'))}{' left' if stage.get('done') else ''}"
    if estimate["steps"]:
        return f"{estimate['steps']:,} steps"
    return f"{_amount(estimate['tokens'])} tokens" if estimate["tokens"] else ""


def _left(stage: Mapping[str, Any], what: str) -> float:
    """Return the seconds, or the money, that a stage still takes: of one that goes on, for what it has not saved."""
    return float(stage["estimate"].get(what) or 0) * (1 - float(stage.get("done", 0)))


def _total(stages: Sequence[Mapping[str, Any]]) -> str:
    """Return how long stages of one kind take together."""
    found = [stage["estimate"] for stage in stages]
    known = all(estimate["seconds"] is not None for estimate in found)
    together = {
        **found[0],
        "seconds": sum(_left(stage, "seconds") for stage in stages) if known else None,
        "basis": "assumed" if any(estimate.get("basis") == "assumed" for estimate in found) else None,
        "steps": sum(estimate["steps"] for estimate in found),
        "tokens": sum(estimate["tokens"] for estimate in found),
    }
    return _size({**stages[0], "estimate": together, "done": 0.0})


def _amount(number: float) -> str:
    """Return a count in few digits: `850`, `12 k`, `3.4 M`, `1.2 G`."""
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if number >= size:
            value = number / size
            return f"{value:.1f}{unit}" if value < 10 else f"{value:.0f}{unit}"
    return f"{number:.0f}"


def _summary(plan: Mapping[str, Any]) -> str:
    counts = [f"{plan['summary'][action]} to {MEANINGS[action]}" for action in SYMBOLS if plan["summary"][action]]
    ahead = [stage for stage in plan["stages"] if stage["action"] != "reuse"]
    todo = [stage["estimate"] for stage in ahead]
    parts = [f"Plan: {', '.join(counts)}."]
    timed = [estimate for estimate in todo if estimate["flops"]]
    if timed and all(estimate["seconds"] is not None for estimate in timed):
        speed = f", at {plan['assumes']}" if "assumes" in plan else ""
        parts.append(f"Time: about {duration(sum(_left(stage, 'seconds') for stage in ahead))}{speed}.")
    elif any(stage["kind"] == "align" and not stage["estimate"]["flops"] for stage in ahead):
        parts.append("Time: not known before the data are there.")
    if any("cost" in estimate for estimate in todo):
        parts.append(f"Money: about {sum(_left(stage, 'cost') for stage in ahead):,.2f}.")
    memory = max(estimate["memory_gib"] for estimate in todo)
    if memory >= 1:
        parts.append(f"Memory: about {_gib(memory)} a process.")
    parts.append(f"Disk: about {_gib(sum(estimate['disk_gib'] for estimate in todo))}.")
    return " ".join([*parts, NOTHING])


def _gib(size: float) -> str:
    """Return GiB as the decimal units that disks are sold in."""
    size_bytes = size * 2**30
    if size_bytes >= 1e9:
        return f"{size_bytes / 1e9:.1f} GB" if size_bytes < 1e10 else f"{size_bytes / 1e9:.0f} GB"
    return f"{max(1, round(size_bytes / 1e6))} MB"
