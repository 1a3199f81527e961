"""`drdoctl init`: start a spec from a recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from drdoctl.cli._zoo import ZOO
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.commands import quoted
from drdoctl.core.errors import UserError
from drdoctl.core.files import write_atomic
from drdoctl.core.suggest import did_you_mean
from drdoctl.shipped import recipes, shipped
from drdoctl.spec.source import parse

EXAMPLES = (
    "drdoctl init my.yaml",
    "drdoctl init --from ultrafeedback-opt-125m",
    "drdoctl init again.yaml --from zoo/student-opt1.3b",
    "drdoctl ls recipes",
)
MODELINE = "# yaml-language-server: $schema="


@verb("init", *EXAMPLES)
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option(
    "--from",
    "recipe",
    metavar="RECIPE|zoo/NAME",
    default="quickstart",
    show_default=True,
    help="Which recipe to copy, or which published model's spec.",
    shell_complete=lambda _context, _option, begun: [name for name in recipes() if name.startswith(begun)],
)
@ZOO
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@shared()
def command(options: Options, path: Path | None, recipe: str, location: str | None, force: bool) -> None:
    """Start a spec from a recipe, or from a model of the zoo.

    Copies the recipe with its comments and a first line that gives editors the schema: completion, hover texts and
    errors while you type. With zoo/NAME, writes the spec that made the model: applied, it makes it again. hub:ORG/NAME
    is zoo/NAME with --zoo hub:ORG. PATH is a file, or a folder to put it in; without it, the recipe's or the model's
    name here.
    """
    from drdoctl.zoo.location import is_ref, parse_ref

    recipe, location = _of_hub(recipe, location)
    known = {} if is_ref(recipe) else recipes()
    if not is_ref(recipe) and recipe not in known:
        hint = did_you_mean(recipe, known) or "`drdoctl ls recipes` shows all"
        raise UserError(f"there is no recipe `{recipe}`", code="unknown-name", hint=hint)
    target = path or Path()
    if target.is_dir():
        target /= f"{parse_ref(recipe).name if is_ref(recipe) else recipe}.yaml"
    if target.exists() and not force:
        hint = f"choose another name, or overwrite it: `{options.again('--force')}`"
        raise UserError(f"`{target}` is there already", code="file-exists", hint=hint)
    if is_ref(recipe):
        write_atomic(target, _of_model(options, recipe, location))
    else:
        write_atomic(target, copied(known[recipe].read_text(encoding="utf-8"), recipe, target))
    if options.json:
        options.console.json({"format": 1, "path": str(target), "recipe": recipe})
    else:
        options.console.data(str(target))
    options.console.hint(f"`{options.line('plan', target)}` shows what it would do")


def _of_hub(text: str, location: str | None) -> tuple[str, str | None]:
    """Return `zoo/NAME` and its zoo for `hub:ORG/NAME`, and anything else as it is. Raises UserError for two zoos."""
    org, slash, name = text.removeprefix("hub:").removeprefix("//").partition("/")
    if not (text.startswith("hub:") and slash):
        return text, location
    if location is not None:
        hint = f"leave out one: `--from zoo/{quoted(name)} --zoo {quoted(location)}`"
        raise UserError(f"`--from {text}` and `--zoo {location}` name two zoos", code="two-zoos", hint=hint)
    return f"zoo/{name}", f"hub:{org}"


def copied(text: str, recipe: str, target: Path) -> str:
    """Return a recipe's text for its new place: the first line names the schema, commands name the copy."""
    lines = [line for line in text.splitlines() if not line.startswith(MODELINE)]
    schema = shipped("schemas") / "spec.schema.json"
    body = "\n".join(lines).replace(f"recipes/{recipe}.yaml", str(target))
    return f"{MODELINE}{schema}\n{body}\n"


def _of_model(options: Options, name: str, location: str | None) -> str:
    """Return the text of the spec that made a published model. Raises UserError where its card does not hold it."""
    from drdoctl.spec.model import Spec
    from drdoctl.zoo.location import locate, parse_ref
    from drdoctl.zoo.reproduce import portable
    from drdoctl.zoo.resolve import look_up

    facts = look_up(parse_ref(name), locate(location, ref=name), offline=options.offline)
    card = facts.card
    if not card.whole_spec:
        raise UserError(
            f"the card of `{name}` does not hold the spec that made it",
            code="no-spec",
            hint=f"`drdoctl show {quoted(name)}` shows the settings of its stage",
        )
    values = portable(card.whole_spec)  # a card is a stranger's: `resources` may name programs to start
    order = [key for key in Spec.model_fields if key in values]
    values = {key: values[key] for key in [*order, *sorted(set(values) - set(order))]}
    head = [
        f"{MODELINE}{shipped('schemas') / 'spec.schema.json'}",
        f"# The spec of {name} at {facts.revision[:12]}: stage `{card.stage or card.kind}` made it.",
        "# Files that it names by a bare name are to lie beside it; their content must be what it was.",
    ]
    return "\n".join([*head, written(values)])


def written(values: dict[str, Any]) -> str:
    """Return a spec's values as text that reads back as the same: YAML, or JSON where YAML would not."""
    import yaml

    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=120)
    try:
        same = parse(text, "")[0] == values
    except UserError:
        same = False
    return text if same else json.dumps(values, indent=2, ensure_ascii=False) + "\n"
