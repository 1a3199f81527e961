"""`drdoctl status`: what is done, running, interrupted or failed, from the files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from drdoctl.cli._words import ago, count, duration
from drdoctl.cli.options import Options, shared, verb
from drdoctl.store.artifact import Store
from drdoctl.store.status import status

MANY = 24
"""More stages than this are shown by kind."""
QUIET = ("done", "waiting")
"""States that many stages may be in and that need no look."""
MARKS = {"done": "=", "running": "*", "interrupted": ">", "failed": "!", "waiting": "+"}


@verb("status", "drdoctl status", "drdoctl status recipes/quickstart.yaml --json")
@click.argument("spec", required=False, type=click.Path(path_type=Path))
@shared(sets=True)
def command(options: Options, spec: Path | None) -> None:
    """Show what is done, running, interrupted or failed.

    Without SPEC, the stages of the last apply. Everything is told from the files of the store: right even after a
    crash, a power cut or `kill -9`.
    """
    store = Store(options.store)
    stages = None
    if spec is not None:
        from drdoctl.cli._plan import plan_for

        stages = [stage.as_dict() for stage in plan_for(spec, options).plan.stages]
    found = status(store, stages)
    if options.json:
        options.console.json(found)
    else:
        options.console.data(render(found, every=options.verbose))
    for text in store.warnings:
        options.console.warning(text)


def render(found: Mapping[str, Any], now: datetime | None = None, *, every: bool = False) -> str:
    """Return the text of a status: one line a stage, and how the last run ended.

    Of many stages, those that are done or wait are counted by kind, unless `every` one is asked for.
    """
    lines = [_headline(found, now)]
    folded = len(found["stages"]) > MANY and not every
    rows = _folded(found["stages"], now) if folded else [_row(stage, now) for stage in found["stages"]]
    wide = max((len(name) for _, name, _ in rows), default=0)
    lines += [f"  {MARKS[state]} {name:<{wide}}  {state:<11}  {detail}".rstrip() for state, name, detail in rows]
    summary = [f"{number} {state}" for state, number in found["summary"].items() if number]
    nothing = "No apply has run in this store."
    if found["run"] is not None and found["holder"] is None:
        nothing = "That apply was stopped before it had a plan: nothing was begun."
    return "\n".join([*lines, f"Status: {', '.join(summary)}." if summary else nothing])


def _row(stage: Mapping[str, Any], now: datetime | None) -> tuple[str, str, str]:
    return stage["state"], stage["id"], _detail(stage, now)


def _folded(stages: Sequence[Mapping[str, Any]], now: datetime | None) -> list[tuple[str, str, str]]:
    """Return one row for all done and one for all waiting stages of a kind; what needs a look keeps its own."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for stage in stages:
        name = stage["kind"] if stage["state"] in QUIET and "damage" not in stage else stage["id"]
        groups.setdefault((name, stage["state"]), []).append(stage)
    rows = []
    for (name, state), some in groups.items():
        if len(some) == 1:
            rows.append(_row(some[0], now))
            continue
        newest = max((stage.get("at", "") for stage in some), default="")
        took = duration(sum(stage.get("seconds") or 0 for stage in some))
        rows.append((state, f"{len(some)} {name}", f"{ago(newest, now)}, {took} in all" if newest else ""))
    return rows


def _headline(found: Mapping[str, Any], now: datetime | None) -> str:
    run, held_by = found["run"], found["holder"]
    if held_by is not None:
        return f"Apply at work: pid {held_by.get('pid', 'unknown')} on {held_by.get('host', 'unknown host')}"
    if run is None:
        return f"Store: {found['store']}"
    code = run["exit_code"]
    how = (
        "ended without a word (killed?)"
        if code is None
        else "ended well"
        if code == 0
        else f"ended with exit code {code}"
    )
    return f"Last run: {run['spec']}, {ago(run['started'], now)}, {how}"


def _detail(stage: Mapping[str, Any], now: datetime | None) -> str:
    state = stage["state"]
    if state == "done":
        return f"{ago(stage['at'], now)}, {duration(stage['seconds'])}"
    if state == "waiting":
        return f"damaged: {stage['damage']}; the next apply makes it again" if "damage" in stage else ""
    at = f"at {count(stage['step'], stage['steps'], stage['unit'])}"
    behind = stage["kept"] and stage["kept"] != stage["step"]
    saved = f", saved at {stage['unit']} {stage['kept']:,}" if behind or stage["checkpoint"] is not None else ""
    if state == "running":
        return f"{at} (pid {stage['pid']})"
    if state == "failed":
        why = "; ".join(fault["message"] for fault in stage["faults"])
        return f"{at}{saved} ({ago(stage['at'], now)}): {why}; log: {stage['log']}"
    if stage["step"] and not stage["kept"]:
        return f"{at}, nothing saved: starts afresh ({ago(stage['at'], now)}, pid gone)"
    return f"{at}{saved} ({ago(stage['at'], now)}, pid gone)"
