"""`drdoctl plan`: what `apply` would do, and why."""

from __future__ import annotations

from pathlib import Path

import click

from drdoctl.cli.options import Options, shared, verb

CHANGES_PENDING = 3


@verb(
    "plan",
    "drdoctl plan recipes/quickstart.yaml",
    "drdoctl plan recipes/quickstart.yaml --set train.max_steps=64",
    "drdoctl plan recipes/quickstart.yaml --out plan.json",
)
@click.argument("spec", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Save the plan, so that `drdoctl apply FILE` does exactly this or refuses.",
)
@click.option(
    "--detailed-exitcode", is_flag=True, help="Exit with 3 where changes are pending, 0 where there are none."
)
@shared(sets=True)
def command(options: Options, spec: Path, out: Path | None, detailed_exitcode: bool) -> int:
    """Show what apply would do, stage by stage.

    Each stage has an action, the reason for it and an estimate. Reads files only: nothing runs, and nothing is
    downloaded.
    """
    from drdoctl.cli._plan import plan_for
    from drdoctl.cli.render import plan_text
    from drdoctl.plan.saved import save

    planned = plan_for(spec, options, weightless=True)
    document, console = planned.plan.as_dict(), options.console
    pending = any(stage["action"] != "reuse" for stage in document["stages"])
    if out is not None:
        save(out, planned.plan, planned.loaded)
    if options.json:
        console.json(document)
    else:
        console.data(plan_text(document, str(spec), every=options.verbose))
        if options.verbose and pending:
            from drdoctl.cli._cost import cost_text

            console.data(cost_text(document))
        if options.verbose:
            from drdoctl.cli._pairs import pairs_text

            if pairs := pairs_text(document):
                console.data(pairs)
        for text in planned.plan.warnings:
            console.warning(text)
    if out is not None:
        console.info(f"Saved to `{out}`.")
        console.hint(f"`{options.line('apply', out)}` does exactly this")
    elif pending:
        console.hint(f"`{options.again('--out', 'plan.json')}` to apply exactly this")
    return CHANGES_PENDING if pending and detailed_exitcode else 0
