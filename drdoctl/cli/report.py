"""`drdoctl report`: the tables and one self-contained HTML file, from finished artifacts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drdoctl.cli._words import place
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import StageFailed, UserError
from drdoctl.core.words import listed
from drdoctl.store.artifact import Store

if TYPE_CHECKING:
    from drdoctl.plan.types import Plan


@verb("report", "drdoctl report recipes/quickstart.yaml", "drdoctl report recipes/quickstart.yaml --json")
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Where to write the HTML file; without it, `STORE/reports/NAME.html`.",
)
@click.option("--partial", is_flag=True, help="Report what is finished, and name what is not.")
@shared(sets=True)
def command(options: Options, spec: Path, out: Path | None, *, partial: bool) -> None:
    """Write a report: one HTML file with tables, plots, provenance.

    Reads finished artifacts only; without `--partial` every stage of SPEC must be done. Prints the tables and the
    file's path; with `--json`, the report's data on stdout, and a file only where `--out` asks for one.
    """
    from drdoctl.cli._plan import plan_for

    plan, store = plan_for(spec, options).plan, Store(options.store)
    show(options, spec, out, plan, store, partial=partial)


def show(options: Options, spec: Path, out: Path | None, plan: Plan, store: Store, *, partial: bool = False) -> None:
    """Write the file and print what was asked for.

    Raises UserError naming the stages that are not finished; with `partial` only where no stage is.
    """
    from drdoctl.report.collect import collect
    from drdoctl.report.html import render
    from drdoctl.report.summary import summary

    report = collect(store, plan)
    begun = any(row["done"] for row in report["stages"])
    if report["missing"] and not (partial and begun):
        names = listed([f"`{stage}`" for stage in report["missing"]])
        there = f"; `{options.line('report', spec, '--partial', sets=True)}` shows what is there" if begun else ""
        hint = f"`{options.line('apply', spec, sets=True)}`{there}"
        raise UserError(f"not finished: {names}", code="not-finished", hint=hint)
    path = out or (None if options.json else store.reports / f"{report['name']}.html")
    if path is not None:
        _write(options, path, render(report), elsewhere=out is None)
    if options.json:
        options.console.json(report)
        return
    if not options.quiet:
        options.console.data(summary(report, store, plan, place))
    options.console.data(str(path))


def _write(options: Options, path: Path, page: str, *, elsewhere: bool) -> None:
    """Write the file. Raises StageFailed, with the way around a store that takes no file where there is one."""
    from drdoctl.core.files import write_atomic

    try:
        write_atomic(path, page)
    except StageFailed as error:
        if not elsewhere:
            raise
        hint = f"`{options.again('--out', 'report.html')}` writes it elsewhere"
        raise StageFailed([replace(fault, hint=hint) for fault in error.faults]) from error
