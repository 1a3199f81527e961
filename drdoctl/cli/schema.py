"""`drdoctl schema`: print a JSON Schema."""

from __future__ import annotations

import click

from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import UserError
from drdoctl.core.suggest import did_you_mean
from drdoctl.shipped import shipped

EXAMPLES = ("drdoctl schema spec > spec.schema.json", "drdoctl schema plan")
WHICH = ("spec", "plan", "card", "events", "report", "doctor")


@verb("schema", *EXAMPLES)
@click.argument("what", metavar="|".join(WHICH))
@shared()
def command(options: Options, what: str) -> None:
    """Print the JSON Schema of one of the documents.

    `spec` is the file you write; `plan`, `events`, `report` and `doctor` are what `--json` prints; `card` describes an
    artifact in the zoo.
    """
    path = shipped("schemas") / f"{what}.schema.json"
    if what not in WHICH or not path.is_file():
        hint = did_you_mean(what, WHICH) or f"one of: {', '.join(WHICH)}"
        raise UserError(f"there is no schema `{what}`", code="unknown-name", hint=hint)
    options.console.raw(path.read_text(encoding="utf-8"))
