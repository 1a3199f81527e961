"""`drdoctl show`: all there is to say about one thing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from drdoctl.cli._card import card, card_page
from drdoctl.cli._zoo import ZOO
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import UserError
from drdoctl.core.fingerprint import artifact_name
from drdoctl.core.suggest import did_you_mean, family

EXAMPLES = (
    "drdoctl show drdo",
    "drdoctl show method e-dpo --json",
    "drdoctl show recipe quickstart",
    "drdoctl show zoo/oracle-phi3-tldr",
)
SHOWN = 5
"""Artifacts that are named where a name means several."""
ARTIFACT = re.compile(r"[a-z]+-[0-9a-f]{12}")
WORDS = ("method", "dataset", "split", "eval", "recipe", "artifact", "card")


@verb("show", *EXAMPLES)
@click.argument(
    "thing",
    nargs=-1,
    required=True,
    metavar="[KIND] NAME",
    shell_complete=lambda _context, _argument, begun: [name for name in _names() if name.startswith(begun)],
)
@ZOO
@shared()
def command(options: Options, thing: tuple[str, ...], location: str | None) -> None:
    """Show a method, dataset, split, eval, recipe, artifact or card.

    KIND (method, dataset, split, eval, recipe, artifact, card) is only needed where a name means several things.
    Plug-ins are shown with their options, defaults and papers; artifacts with what they were made from.
    """
    kind, name = _asked(thing)
    shown = _find(options, kind, name, location)
    if options.json:
        options.console.json(shown)
    elif "text" in shown:
        options.console.raw(shown["text"])
    elif "role" in shown:
        options.console.data(card_page(shown))
    else:
        options.console.data(page(shown))


def _names() -> list[str]:
    """Return the words that completion offers: kinds, plug-ins, recipes, and the names of the catalogue."""
    from drdoctl.shipped import recipes, shipped
    from drdoctl.spec.plugins import PLUGINS

    cards = sorted(f"zoo/{path.stem}" for path in shipped("zoo").glob("*.yaml"))
    return [*WORDS, *(name for registry in PLUGINS.values() for name in registry()), *recipes(), *cards]


def _asked(thing: tuple[str, ...]) -> tuple[str | None, str]:
    if len(thing) == 1 and thing[0] in WORDS:
        listing = {"card": "zoo"}.get(thing[0], f"{thing[0]}s")
        hint = f"`drdoctl ls {listing}` lists them; for one, `drdoctl show {thing[0]} NAME`"
        raise UserError(f"which {thing[0]}?", code="usage", hint=hint)
    if len(thing) == 1:
        return None, thing[0]
    kind, name = thing[0].removesuffix("s"), thing[-1]
    if len(thing) > 2 or kind not in WORDS:
        hint = did_you_mean(kind, WORDS) or f"KIND is one of: {', '.join(WORDS)}"
        raise UserError(f"`{' '.join(thing)}` is not of the form KIND NAME", code="usage", hint=hint)
    return kind, name


def _find(options: Options, kind: str | None, name: str, location: str | None) -> dict[str, Any]:
    from drdoctl.cli._parts import described
    from drdoctl.shipped import recipes
    from drdoctl.spec.model import Spec
    from drdoctl.spec.plugins import PLUGINS

    known: dict[tuple[str, str], Callable[[], dict[str, Any]]] = {
        (part, word): lambda part=part, word=word: described(part, word)  # type: ignore[misc]
        for part, registry in PLUGINS.items()
        for word in registry()
    }
    known |= {("recipe", word): lambda path=path: _recipe(path) for word, path in recipes().items()}  # type: ignore[misc]
    found = [key for key in known if key[1] == name and kind in (None, key[0])]
    if len(found) > 1:
        kinds = " and ".join(f"a {part}" for part, _ in found)
        hint = f"`{options.line('show', found[0][0], name)}`"
        raise UserError(f"`{name}` is {kinds}", code="ambiguous", hint=hint)
    if found:
        return known[found[0]]()
    if kind == "card" or name.startswith("zoo/"):
        return card(options, name.removeprefix("zoo/"), location)
    if kind in (None, "artifact") and (made := _artifact(options, name)) is not None:
        return made
    words = [word for part, word in known if kind in (None, part)]
    listing = f"`drdoctl ls {kind}s` shows all" if kind else "`drdoctl ls methods`, `ls splits`, `ls evals` … show all"
    unclear = family(name, words)
    hint = f"{unclear}; {listing}" if unclear else " ".join(filter(None, (did_you_mean(name, words), listing)))
    if kind is None and name in Spec.model_fields:
        hint = f"`{name}` is a section of specs: `drdoctl schema spec` describes it, and recipes show its use"
    message = f"there is no {kind} `{name}`" if kind else f"nothing is called `{name}`"
    raise UserError(message, code="unknown-name", hint=hint)


def _recipe(path: Path) -> dict[str, Any]:
    text = path.read_text(encoding="utf-8")
    return {"format": 1, "kind": "recipe", "name": path.stem, "path": str(path), "text": text}


def _artifact(options: Options, name: str) -> dict[str, Any] | None:
    from drdoctl.store.artifact import Store

    store = Store(options.store)
    known = {artifact_name(made["kind"], made["fingerprint"]): made for made in store.manifests()}
    fitting = [one for one in known if one.startswith(name)] or [one for one in known if known[one]["id"] == name]
    if not fitting:
        if ARTIFACT.fullmatch(name) and store.path(name).is_dir():
            store.verify(name)  # it is there, and damaged: that is said
        return None
    if len(fitting) > 1 and name not in fitting:
        meant = ", ".join(f"`{one}` ({known[one]['id']})" for one in fitting[:SHOWN])
        more = f" and {len(fitting) - SHOWN} more" if len(fitting) > SHOWN else ""
        hint = f"`{options.line('show', fitting[0])}`"
        raise UserError(f"`{name}` means several artifacts: {meant}{more}", code="ambiguous-artifact", hint=hint)
    made = known[name if name in fitting else fitting[0]]
    path = store.path(artifact_name(made["kind"], made["fingerprint"]))
    return {**made, "kind": "artifact", "stage_kind": made["kind"], "path": str(path)}


def page(shown: dict[str, Any]) -> str:
    """Return what is shown as text: a title, the words, and the options or values in columns."""
    lines = [f"{shown['kind']} {shown.get('name') or shown.get('id', '')}", ""]
    if "fields" not in shown:
        skipped = ("format", "kind", "name", "config", "files")
        lines += [f"{key}: {_value(value)}" for key, value in shown.items() if key not in skipped]
        if isinstance(shown.get("files"), dict):
            lines += ["files:", *(f"  {name}  {entry['size']:,} bytes" for name, entry in shown["files"].items())]
        return "\n".join(lines)
    lines += [shown["about"], ""]
    if shown["notes"]:
        lines += [shown["notes"], ""]
    if "equation" in shown:
        symbols = [f"  {symbol:<6}  {meaning}" for symbol, meaning in shown["symbols"].items()]
        lines += ["Loss of a pair:", f"  {shown['equation']}", "where", *symbols, ""]
    if shown["paper"]:
        lines += [f"Source: {shown['paper']}", ""]
    if shown["fields"]:
        lines.append("Options:")
    for field in shown["fields"]:
        default = field["default"] if field["default"] == "required" else f"default {_value(field['default'])}"
        lines += [f"  {field['name']}  ({field['type']}; {default})", f"      {field['about']}"]
    return "\n".join(lines).rstrip()


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
