"""The JSON Schema of a spec, made from the pydantic models: for editors, and for programs that write specs.

It accepts what `load` accepts and refuses what `load` refuses, but for rules across fields, which a schema cannot
state. `make gen` writes `schemas/spec.schema.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.parts import Part
from drdoctl.core.words import DIALECT
from drdoctl.spec.matrix import NO_RESULT
from drdoctl.spec.model import Spec
from drdoctl.spec.plugins import PLUGINS


def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec."""
    made = Spec.model_json_schema(mode="validation")
    for registry in PLUGINS.values():
        for cls in registry().values():
            _require_name(made["$defs"], cls)
    _tidy(made)
    made["properties"]["matrix"]["propertyNames"] = {"pattern": _axis_pattern()}
    return {"$schema": DIALECT, **made, "title": "drdoctl spec"}


def _require_name(definitions: Mapping[str, Any], cls: type[Part]) -> None:
    """Say in the schema that a plug-in is told by its `name`, unless it has a key of its own."""
    definition = definitions[cls.__name__]
    if not getattr(cls, "key", None):
        definition["required"] = ["name", *(name for name in definition.get("required", []) if name != "name")]


def _tidy(node: Any) -> None:
    """Join the lines of descriptions, and drop titles that only repeat a field's name."""
    if isinstance(node, list):
        for item in node:
            _tidy(item)
    if not isinstance(node, dict):
        return
    if isinstance(node.get("title"), str):
        del node["title"]
    if isinstance(node.get("description"), str):
        node["description"] = " ".join(node["description"].split())
    for item in node.values():
        _tidy(item)


def _axis_pattern() -> str:
    """Return the pattern of a matrix's keys: sections whose values can change a result, and what lies below them."""
    roots = [name for name in Spec.model_fields if name not in NO_RESULT]
    return rf"^({'|'.join(roots)})(\.[^.]+)*$"
