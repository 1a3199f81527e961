"""The end of an apply: the tables, where the students are, what was published, and where the report is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.cli._words import place
from drdoctl.cli.options import Options
from drdoctl.core.files import read_json
from drdoctl.core.labels import called
from drdoctl.plan.types import Plan
from drdoctl.store.artifact import Store

if TYPE_CHECKING:
    from drdoctl.stages import Want

MOST = 12
"""Students whose paths are printed; `-v` and `-q` print those of all."""


def results(options: Options, plan: Plan, store: Store) -> None:
    """Print the tables where something was measured, where the students are, and where the report is."""
    if options.json:
        return
    console, report, found = options.console, None, _collected(plan, store)
    if found is not None and not options.quiet:
        from drdoctl.core.files import write_atomic
        from drdoctl.report.html import render
        from drdoctl.report.summary import summary

        report = _path(plan, store)
        write_atomic(report, render(found))
        console.data(summary(found, store, plan, place))
    students, whole = _students(plan, found), options.quiet or options.verbose
    for want in (students or [plan.stages[-1].want])[: None if whole else MOST]:
        path = place(store.path(want.artifact))
        console.data(path if options.quiet else f"{want.id}: {path}")
    if len(students) > MOST and not whole:
        console.data(f"… and {len(students) - MOST} more: `{options.line('status', '--json')}` has their paths")
    if not options.quiet:
        for line in _published(plan, store)[: None if whole else MOST]:
            console.data(line)
    if report is not None:
        console.data(f"report: {place(report)}")


def report_again(options: Options, plan: Plan, store: Store) -> Path | None:
    """Return where the report is, and write it where it is missing: an apply may have been killed before it did."""
    if options.quiet or all(stage.want.kind != "evaluate" for stage in plan.stages):
        return None
    path = _path(plan, store)
    if not path.exists():
        from drdoctl.report.html import write

        write(store, plan, path)
    return path


def _path(plan: Plan, store: Store) -> Path:
    return store.reports / f"{plan.spec['name']}.html"


def _collected(plan: Plan, store: Store) -> dict[str, Any] | None:
    """Return the report's data, or None where nothing was measured."""
    if all(stage.want.kind != "evaluate" for stage in plan.stages):
        return None
    from drdoctl.report.collect import collect

    return collect(store, plan)


def _published(plan: Plan, store: Store) -> list[str]:
    """Return what was published under which name, from the receipts: of what was picked, what that is."""
    lines = []
    for stage in plan.stages:
        receipt = read_json(store.path(stage.want.artifact) / "receipt.json") if stage.want.kind == "publish" else None
        if receipt:
            tag = f"@{receipt['tag']}" if receipt["tag"] else ""
            picked = f", picked: {receipt['select']['setting']}" if "select" in receipt else ""
            lines.append(f"{stage.want.id}: zoo/{receipt['name']}{tag} in {receipt['location']}{picked}")
    return lines


def _students(plan: Plan, found: dict[str, Any] | None) -> list[Want]:
    """Return the stages that made the students: those that `select` picked, where it does, else all."""
    made = [stage.want for stage in plan.stages if stage.want.kind == "align"]
    groups = (found or {}).get("selection")
    if not groups or plan.grid is None:
        return made
    picked = {group["picked"] for group in groups}
    names = {cell.student for cell in plan.grid.cells if called(cell.setting) in picked}
    return [want for want in made if want.id in names] or made
