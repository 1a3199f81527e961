"""`drdoctl gc`: remove what no plan and no run needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from drdoctl.cli._consent import DECLINED, agreed, require_someone_to_ask
from drdoctl.cli._words import place
from drdoctl.cli._zoo import size_text
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import UserError
from drdoctl.store.artifact import Store

DAYS = 30
EXAMPLES = (
    "drdoctl gc --dry-run",
    "drdoctl gc --older-than 7 --auto-approve",
    "drdoctl gc recipes/quickstart.yaml plan.json --older-than 0",
)


@verb("gc", *EXAMPLES)
@click.argument("sources", metavar="[SPEC|PLANFILE]...", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--older-than",
    "days",
    metavar="DAYS",
    type=click.FloatRange(min=0),
    default=DAYS,
    show_default=True,
    help="Age from which what nobody needs is removed, and from which runs need nothing.",
)
@click.option("--dry-run", is_flag=True, help="List what would go; remove nothing.")
@click.option("-y", "--auto-approve", is_flag=True, help="Ask nothing.")
@shared(sets=True)
def command(options: Options, sources: Sequence[Path], days: float, dry_run: bool, auto_approve: bool) -> int:
    """Remove artifacts and leftovers that nobody needs.

    What the plans of the specs and saved plans named here need stays, and so does what the last run needed, finished
    or interrupted, and every run of the last days. Shows the list and asks first.
    """
    from drdoctl.store.garbage import discard, garbage, needed_by_runs
    from drdoctl.store.lock import hold

    store = Store(options.store)
    if not store.artifacts.is_dir():
        raise UserError(f"`{options.store}` is no store", code="no-store", hint="name one with `--store DIR`")
    needed = {artifact for source in sources for artifact in _needed(source, options)}
    store.prepare()
    with hold(store.root):
        found = garbage(store, needed | needed_by_runs(store, days), days)
        rows = [(place(waste.path), size_text(waste.size), waste.why) for waste in found]
        total = size_text(sum(waste.size for waste in found))
        if not options.json and rows:
            options.console.table(("what", "size", "why"), rows)
        if found and not dry_run and not auto_approve:
            hint = f"`{options.again('--auto-approve')}` removes without asking, `--dry-run` only lists"
            require_someone_to_ask(options, "gc", hint)
            if not agreed(options, f"Remove these {len(found):,}, {total} in all?"):
                options.console.info("Nothing was removed.")
                return DECLINED
        for waste in () if dry_run else found:
            discard(waste)
    done = "would be freed" if dry_run else "freed"
    options.console.info(f"{total} {done}." if found else "Nothing to remove.")
    if options.json:
        listed = [{"path": str(waste.path), "size": waste.size, "why": waste.why} for waste in found]
        options.console.json({"format": 1, "removed": not dry_run, "waste": listed})
    return 0


def _needed(source: Path, options: Options) -> list[str]:
    """Return the artifacts of a saved plan, or of a spec's plan."""
    from drdoctl.plan.saved import is_saved, load_saved
    from drdoctl.spec.folder import is_absent

    if is_saved(source):
        stages = load_saved(source).plan["stages"]
        marks = [(key, mark) for stage in stages for key, mark in stage["externals"].items()]
        _require_weights(source, [key for key, mark in marks if is_absent(mark)])
        return [str(stage["artifact"]) for stage in stages]
    from drdoctl.cli._plan import plan_for

    return [stage.want.artifact for stage in plan_for(source, options).plan.stages]


def _require_weights(source: Path, keys: list[str]) -> None:
    """Raise UserError where a saved plan does not name what it needs: its stages are called after weights, too."""
    if keys:
        raise UserError(
            f"`{source}` was saved without the weights of `{keys[0]}`, so it does not tell what is needed",
            code="no-weights",
            hint="name the spec in its place, with the weights there, or save the plan again",
        )
