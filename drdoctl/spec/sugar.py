"""The short forms a spec may use: `method: drdo` for `{name: drdo}`, one step for a list of one.

Each is an annotation that widens what pydantic accepts and the JSON Schema in one place, so that the two agree.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

    from drdoctl.core.parts import Part


@dataclass(frozen=True)
class ByName:
    """Lets a plug-in's bare name stand for `{name: NAME}`."""

    registry: Callable[[], Mapping[str, type[Part]]]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Widen before the plug-in's own validation."""
        return core_schema.no_info_before_validator_function(widen_name, handler(source))

    def __get_pydantic_json_schema__(
        self,
        schema: core_schema.CoreSchema,
        handler: GetJsonSchemaHandler,
    ) -> JsonSchemaValue:
        """Allow the names of plug-ins that need nothing but their name."""
        names = [name for name, cls in self.registry().items() if needs_only_name(cls)]
        return {"anyOf": [{"enum": names}, handler(schema)]}


@dataclass(frozen=True)
class OneOrMany:
    """Lets one item stand for a list of one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Widen before the list's own validation."""
        return core_schema.no_info_before_validator_function(widen_one, handler(source))

    def __get_pydantic_json_schema__(
        self,
        schema: core_schema.CoreSchema,
        handler: GetJsonSchemaHandler,
    ) -> JsonSchemaValue:
        """Allow the item where the list is."""
        many = handler(schema)
        return {"anyOf": [many, many["items"]]}


def widen_name(value: Any) -> Any:
    """Return `{name: value}` for a word, anything else as it is."""
    return {"name": value} if isinstance(value, str) else value


def widen_one(value: Any) -> Any:
    """Return a list of one for a word or a mapping, anything else as it is."""
    return [value] if isinstance(value, str | dict) else value


def needs_only_name(cls: type[Part]) -> bool:
    """Whether a plug-in has no other required field."""
    return not any(field.is_required() for name, field in cls.model_fields.items() if name != "name")
