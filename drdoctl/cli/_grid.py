"""A plan of many stages in few lines: the matrix as a grid, then one line a kind of stage and action."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

MANY = 24
"""A plan of a matrix with more stages than this is folded; `-v` shows every one."""
WIDEST = 100
"""Characters of an axis's values; what more there are, are counted."""

Stage = Mapping[str, Any]


def is_folded(plan: Mapping[str, Any]) -> bool:
    """Whether a plan's stages are shown by kind."""
    return bool(plan.get("grid")) and len(plan["stages"]) > MANY


def grid_lines(grid: Mapping[str, Any]) -> list[str]:
    """Return the axes with their values, how many students that makes, and what is chosen among them."""
    axes, count = grid["axes"], len(grid["students"])
    wide = max(map(len, axes))
    lines = [f"Matrix: {sides({axis: len(values) for axis, values in axes.items()})} = {count} students"]
    lines += [f"  {axis:<{wide}}  {_listed(values)}" for axis, values in axes.items()]
    return [*lines, *choice_lines(grid)]


def choice_lines(grid: Mapping[str, Any] | None) -> list[str]:
    """Return what is chosen among the students, and by what; nothing where nothing is."""
    if grid is None or grid["select"] is None:
        return []
    select, students = grid["select"], grid["students"]
    groups = len({cell["group"] for cell in students})
    best = "largest" if select["goal"] == "max" else "smallest"
    at = "" if select["temperature"] is None else f" at temperature {select['temperature']:g}"
    seeds = " mean over seeds of" if len({cell["seed"] for cell in students}) > 1 else ""
    over = ", ".join(f"`{key}`" for key in select["over"])
    each = f", for each of {groups} groups" if groups > 1 else ""
    return [f"Select: {over} by the {best}{seeds} `{select['metric']}`{at} on validation prompts{each}"]


def folded_lines(
    plan: Mapping[str, Any],
    marks: Mapping[str, str],
    size: Callable[[Stage], str],
    total: Callable[[Sequence[Stage]], str],
) -> list[str]:
    """Return one line for each kind of stage and action: how many, what they are shared by, what they take, and why.

    `size` is what one stage takes as text, `total` what several take together.
    """
    users = _users(plan)
    groups: dict[tuple[str, str], list[Stage]] = {}
    for stage in plan["stages"]:
        groups.setdefault((stage["kind"], stage["action"]), []).append(stage)
    rows = [
        (
            marks[action],
            str(len(stages)),
            kind,
            _each([users[stage["id"]] for stage in stages], len(plan["grid"]["students"])),
            total(stages) if len(stages) > 1 else size(stages[0]),
            _reason(stages),
        )
        for (kind, action), stages in groups.items()
    ]
    widths = [max(len(row[at]) for row in rows) for at in range(6)]
    return [
        f"  {mark} {count:>{widths[1]}} {kind:<{widths[2]}}  {each:<{widths[3]}}  {took:>{widths[4]}}  {why}".rstrip()
        for mark, count, kind, each, took, why in rows
    ]


def _users(plan: Mapping[str, Any]) -> dict[str, int]:
    """Return stage -> how many students rest on it, or are measured by it."""
    needs = {stage["id"]: stage["needs"] for stage in plan["stages"]}
    counts = dict.fromkeys(needs, 0)
    for cell in plan["grid"]["students"]:
        reached: set[str] = set()
        waiting = [name for name in (cell["student"], cell["evaluation"]) if name is not None]
        while waiting:
            name = waiting.pop()
            if name not in reached:
                reached.add(name)
                waiting += needs[name]
        for name in reached:
            counts[name] += 1
    return counts


def _each(users: Sequence[int], students: int) -> str:
    few, most = min(users), max(users)
    if most <= 1:
        return ""
    if few == most:
        return "for all students" if few == students else f"each for {few} students"
    return f"each for {few} to {most} students" if few else f"each for up to {most} students"


def _reason(stages: Sequence[Stage]) -> str:
    texts = dict.fromkeys(stage["reason"]["text"] for stage in stages)
    return next(iter(texts)) if len(texts) == 1 else f"{len(texts)} reasons: see `-v`"


def sides(axes: Mapping[str, int]) -> str:
    """Return the sides of a grid, from axis -> how many values: `3 methods x 5 seeds`."""
    names = {axis: axis.rpartition(".")[2] for axis in axes}
    return " x ".join(
        f"{count} {names[axis]}{'' if count == 1 or names[axis].endswith('s') else 's'}" for axis, count in axes.items()
    )


def _listed(values: Sequence[str]) -> str:
    text = ", ".join(values)
    shown = list(values)
    while len(text) > WIDEST and len(shown) > 1:
        shown.pop()
        text = ", ".join([*shown, f"and {len(values) - len(shown)} more"])
    return text
