"""`drdoctl init`: start a spec from a recipe."""

from __future__ import annotations

from pathlib import Path

import click

from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import UserError
from drdoctl.core.files import write_atomic
from drdoctl.core.suggest import did_you_mean
from drdoctl.shipped import recipes, shipped

EXAMPLES = ("drdoctl init my.yaml", "drdoctl init --from ultrafeedback-opt-125m", "drdoctl ls recipes")
MODELINE = "# yaml-language-server: $schema="


@verb("init", *EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from",
    "recipe",
    metavar="RECIPE",
    default="quickstart",
    show_default=True,
    help="Which recipe to copy.",
    shell_complete=lambda _context, _option, begun: [name for name in recipes() if name.startswith(begun)],
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@shared()
def command(options: Options, path: Path | None, recipe: str, force: bool) -> None:
    """Start a spec from a recipe.

    Copies the recipe with its comments and a first line that gives editors the schema: completion, hover texts and
    errors while you type. PATH is a file, or a folder to put it in; without it, the recipe's name here.
    """
    known = recipes()
    if recipe not in known:
        hint = did_you_mean(recipe, known) or "`drdoctl ls recipes` shows all"
        raise UserError(f"there is no recipe `{recipe}`", code="unknown-name", hint=hint)
    target = path or Path()
    if target.is_dir():
        target /= f"{recipe}.yaml"
    if target.exists() and not force:
        hint = f"choose another name, or overwrite it: `drdoctl init {target} --from {recipe} --force`"
        raise UserError(f"`{target}` is there already", code="file-exists", hint=hint)
    write_atomic(target, copied(known[recipe].read_text(encoding="utf-8"), recipe, target))
    if options.json:
        options.console.json({"format": 1, "path": str(target), "recipe": recipe})
    else:
        options.console.data(str(target))
    options.console.hint(f"`drdoctl plan {target}` shows what it would do")


def copied(text: str, recipe: str, target: Path) -> str:
    """Return a recipe's text for its new place: the first line names the schema, commands name the copy."""
    lines = [line for line in text.splitlines() if not line.startswith(MODELINE)]
    schema = shipped("schemas") / "spec.schema.json"
    body = "\n".join(lines).replace(f"recipes/{recipe}.yaml", str(target))
    return f"{MODELINE}{schema}\n{body}\n"
