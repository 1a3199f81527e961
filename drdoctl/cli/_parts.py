"""Recipes and plug-ins in words: what each is, what its options are and where it comes from."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping
from typing import Any

from drdoctl.core.parts import Part, descriptions
from drdoctl.methods import Method
from drdoctl.methods._symbols import legend
from drdoctl.spec.plugins import PLUGINS


def headline(cls: type[Part]) -> str:
    """Return the first line of a plug-in's docstring."""
    return (inspect.getdoc(cls) or "").splitlines()[0]


def listing(kind: str) -> list[dict[str, str]]:
    """Return name, headline and paper of every plug-in of a kind."""
    return [
        {"name": name, "about": headline(cls), "paper": getattr(cls, "paper", "")}
        for name, cls in PLUGINS[kind]().items()
    ]


def described(kind: str, name: str) -> dict[str, Any]:
    """Return all there is to say about one plug-in: docstrings, options with type and default, paper."""
    cls: type[Part] = PLUGINS[kind]()[name]
    schema = cls.model_json_schema()
    fields = [
        {
            "name": field,
            "type": type_text(schema["properties"][field], schema.get("$defs", {})),
            "default": "required" if info.is_required() else info.get_default(call_default_factory=True),
            "about": " ".join(descriptions(cls).get(field, "").split()),
        }
        for field, info in cls.model_fields.items()
        if field != "name"
    ]
    module = inspect.getdoc(sys.modules[cls.__module__]) or ""
    return {
        "format": 1,
        "kind": kind,
        "name": name,
        "about": inspect.getdoc(cls) or "",
        "notes": module,
        "paper": getattr(cls, "paper", ""),
        **({"equation": cls.equation, "symbols": legend(cls.equation)} if issubclass(cls, Method) else {}),
        "fields": fields,
    }


def type_text(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> str:
    """Return a field's JSON Schema as a few words: `number > 0`, `sum | mean`, `list of number >= 0`."""
    if "$ref" in schema:
        return type_text(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " | ".join(str(word) for word in schema["enum"])
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return " | ".join(type_text(option, definitions) for option in options)
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {type_text(schema.get('items', {}), definitions)}"
    words = {"string": "text", "boolean": "true | false", "object": "mapping"}
    bounds = {"exclusiveMinimum": ">", "minimum": ">=", "exclusiveMaximum": "<", "maximum": "<="}
    limits = [f"{sign} {schema[key]:g}" for key, sign in bounds.items() if key in schema]
    return " ".join([words.get(kind, kind), ", ".join(limits)]).strip()
