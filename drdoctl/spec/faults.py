"""Pydantic's errors -> faults: the place in the file, the sentence, and what was probably meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError

from drdoctl.core.errors import Fault, Where
from drdoctl.core.parts import descriptions
from drdoctl.core.suggest import closest, family
from drdoctl.spec.marks import Key
from drdoctl.spec.meant import MISSING, OTHER_WORDS, SHAPES, share, without_quotes
from drdoctl.spec.model import Spec, source_name
from drdoctl.spec.oracles import JUDGE_NAME
from drdoctl.spec.plugins import PLUGINS
from drdoctl.spec.serving import VARIABLE
from drdoctl.spec.spots import SECTIONS, Spot, plugin_kind, spot_of

Look = Callable[[Key, bool], Where]
"""Path and whether its key is meant -> place."""


def faults_of(error: ValidationError, raw: Any, look: Look) -> list[Fault]:
    """Return one fault for each of pydantic's errors. `raw`: what was validated, as written."""
    return [fault for item in error.errors(include_url=False) for fault in _faults(item, raw, look)]


def _faults(item: Any, raw: Any, look: Look) -> Iterable[Fault]:
    kind, spot = item["type"], spot_of(item["loc"], raw)
    if kind == "extra_forbidden":
        yield unknown_field(spot, look)
    elif kind == "missing":
        yield _missing(spot, look)
    elif kind in ("union_tag_invalid", "union_tag_not_found"):
        yield _unknown_name(item, spot, look)
    elif kind == "value_error":
        for sentence in str(item["ctx"]["error"]).split("; "):
            yield _said_by_part(sentence, spot, item["input"], look)
    else:
        yield _wrong_value(item, spot, look)


def unknown_field(spot: Spot, look: Look) -> Fault:
    """Return the fault for a key that is no field, with what was probably meant."""
    word = spot.field
    meant = OTHER_WORDS.get(word.lower())
    match = meant if meant in spot.fields else closest(word, spot.fields)
    help_at = f"See `drdoctl show {spot.kind} {spot.tag}`" if spot.kind else "See `drdoctl schema spec`"
    if match:
        hint = f"did you mean `{match}`? {help_at}"
    else:
        word = meant or word
        homes = [".".join(map(str, path)) for path, cls in SECTIONS.items() if path and word in cls.model_fields]
        if word in Spec.model_fields:
            hint = f"`{word}` belongs at the top of the spec"
        elif homes:
            hint = f"`{word}` belongs in {' or '.join(f'`{home}`' for home in homes)}"
        elif list(spot.fields) == ["name"]:
            hint = f"{spot.thing} has no options"
        else:
            hint = f"the fields are: {', '.join(spot.fields)}"
    return Fault("unknown-field", f"`{spot.field}` is not a field of {spot.thing}", look(spot.path, True), hint)


def _missing(spot: Spot, look: Look) -> Fault:
    word = spot.word
    inside = spot.path[:-1] if spot.field == word else spot.path
    message = f"{spot.thing} needs `{word}`" if inside else f"`{word}` is missing"
    description = descriptions(spot.cls).get(word) if spot.cls and word in spot.fields else None
    hint = MISSING.get(word if not inside else "") or (
        f"{word}: {_first_sentence(description)}" if description else None
    )
    if spot.kind == "dataset" and getattr(spot.cls, "key", None) == word:
        hint = f"write `source: {{{word}: …}}`"
    return Fault("missing-field", message, look(inside, bool(inside)), hint)


def _unknown_name(item: Any, spot: Spot, look: Look) -> Fault:
    kind = plugin_kind(spot.path) or plugin_kind((*spot.path, 0))
    value = item["input"]
    if kind is None:
        shape = "`false` or a mapping" if spot.field == "sft" else "a word or a mapping"
        hint = "leave `sft` out to have it with its defaults" if value is True else None
        return Fault(
            "wrong-type", f"`{spot.dotted}` must be {shape}, not {described(value)}", look(spot.path, False), hint
        )
    known = PLUGINS[kind]()
    name = (value.get("name") or source_name(value)) if isinstance(value, dict) else value
    listing = f"`drdoctl ls {kind}s`"
    if not isinstance(name, str):
        key_hint = ", or `{jsonl: FILE}`" if kind == "dataset" else ""
        message = f"`{spot.dotted}` does not say which {kind} it is"
        return Fault("missing-name", message, look(spot.path, False), f"give a `name`{key_hint}; {listing} shows them")
    match = closest(name, known)
    if unclear := family(name, known):
        hint = f"{unclear}; {listing} shows them"
    elif match:
        hint = f"did you mean `{match}`? {listing} shows all"
    else:
        hint = f"{listing} shows them: {', '.join(known)}"
    named = (*spot.path, "name") if isinstance(spot.written, dict) and "name" in spot.written else spot.path
    return Fault("unknown-name", f"there is no {kind} `{name}`", look(named, False), hint)


def _said_by_part(sentence: str, spot: Spot, value: Any, look: Look) -> Fault:
    """Place what a plug-in's own validator says: at the field that it names first."""
    words = sentence.split("`")[1::2]
    field = next((word for word in words if isinstance(value, dict) and word in value), None)
    path = (*spot.path, field) if field else spot.path
    code = "no-effect" if "has no effect" in sentence else "conflict"
    hint = f"leave `{field}` out" if code == "no-effect" and field else None
    return Fault(code, sentence, look(path, code == "no-effect"), hint)


def _wrong_value(item: Any, spot: Spot, look: Look) -> Fault:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    where, name = look(spot.path, False), f"`{spot.dotted}`"
    if kind == "literal_error":
        return _wrong_word(spot, value, where)
    if kind.startswith(("greater_than", "less_than")):
        words = {"gt": "greater than", "ge": "at least", "lt": "less than", "le": "at most"}
        bound = next((f"{words[key]} {context[key]:g}" for key in words if key in context), "in range")
        return Fault("out-of-range", f"{name} must be {bound}, not {described(value)}", where, share(value, context))
    if kind in ("string_too_short", "too_short"):
        return Fault("empty", f"{name} must not be empty", where, "give a value, or leave the key out")
    if kind == "string_pattern_mismatch":
        return _wrong_pattern(context["pattern"], spot, value, where)
    wanted = {
        "int": "a whole number",
        "float": "a number",
        "bool": "`true` or `false`",
        "string": "a word",
        "list": "a list",
        "dict": "a mapping",
        "model": "a mapping",
    }.get(kind.split("_")[0], item["msg"].removeprefix("Input should be ").lower())
    hint = f"write `{spot.field}: [{value}]`" if kind == "list_type" and isinstance(value, str) else None
    if isinstance(value, str):
        hint = hint or without_quotes(kind, value)
    hint = "leave the key out to have its default" if value is None else hint
    return Fault("wrong-type", f"{name} must be {wanted}, not {described(value)}", where, hint)


def _wrong_word(spot: Spot, value: Any, where: Where) -> Fault:
    words = [str(word) for word in _choices(spot)]
    match = closest(str(value), words) if isinstance(value, str) else None
    hint = f"did you mean `{match}`?" if match else "leave the key out to have its default" if value is None else None
    if spot.path == ("version",):
        hint = "this program reads version 1"
    listed = f"one of {', '.join(f'`{word}`' for word in words)}" if len(words) > 1 else f"`{''.join(words)}`"
    return Fault("wrong-value", f"`{spot.dotted}` must be {listed}, not {described(value)}", where, hint)


def _choices(spot: Spot) -> list[Any]:
    """Return the words a field's annotation allows, whatever it is wrapped in."""
    names = [part for part in spot.path if isinstance(part, str)]
    field = spot.cls.model_fields.get(names[-1]) if spot.cls and names else None
    return _literals(field.annotation) if field else []


def _literals(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    return [word for inner in get_args(annotation) for word in _literals(inner)]


def _wrong_pattern(pattern: str, spot: Spot, value: Any, where: Where) -> Fault:
    hint = SHAPES[pattern]
    if pattern == JUDGE_NAME:
        return Fault("bad-name", f"a judge cannot be called `{value}`", where, hint)
    if pattern == VARIABLE:
        # what stands there may be the key itself: neither it nor its line is shown
        return Fault("wrong-value", f"`{spot.dotted}` is no variable's name", replace(where, text=None), hint)
    return Fault("wrong-value", f"`{spot.dotted}` cannot be {described(value)}", where, hint)


def described(value: Any) -> str:
    """Return a value as a message names it."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value)
    text = text if len(text) <= 60 else text[:60] + "…"
    return f"the word `{text}`" if isinstance(value, str) else f"`{text}`"


def _first_sentence(text: str) -> str:
    return " ".join(text.split()).split(". ")[0].rstrip(".")
