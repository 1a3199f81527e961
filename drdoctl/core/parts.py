"""Plug-ins: the folder is the registry.

A plug-in kind is a package (`methods`, `data`, `splits`, `evals`). Each module in it that does not
start with an underscore defines one class derived from the kind's base, whose field `name` is a
one-word `Literal`. Adding a plug-in is adding a file: the spec's union, the JSON Schema,
did-you-mean, `ls` and `show` all follow from here.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import textwrap
from functools import cache
from itertools import pairwise
from types import ModuleType
from typing import Any, ClassVar, Self, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)
from pydantic_core import CoreSchema


class Model(BaseModel):
    """Base of everything a user can write: unknown keys are errors, values never change, docstrings describe fields."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        strict=True,
        protected_namespaces=(),
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Describe the fields, which pydantic itself would do for every class whenever it is made."""
        made = handler(core)
        properties = handler.resolve_ref_schema(made).get("properties", {})
        for name, text in descriptions(cls).items():
            if name in properties:
                properties[name].setdefault("description", text)
        return made


@cache
def descriptions(cls: type[Model]) -> dict[str, str]:
    """Return field -> the docstring below it, its base classes' fields included.

    Read from the source when asked for: pydantic's `use_attribute_docstrings` reads it at import, a fifth of the time
    that `drdoctl plan` takes.
    """
    found: dict[str, str] = {}
    for owner in reversed(cls.__mro__):
        if not issubclass(owner, Model) or owner is Model:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0]
        for field, below in pairwise(getattr(body, "body", [])):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                found.pop(field.target.id, None)
                if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) and below.value.value:
                    found[field.target.id] = inspect.cleandoc(str(below.value.value))
    return found


class Part(Model):
    """Base of all plug-ins; `name` is overridden with a `Literal`."""

    name: str


class Optioned(Part):
    """Base of the kinds whose options may rule each other out: what has no effect is refused, and never dumped."""

    later: ClassVar[tuple[str, ...]] = ()
    """Options that came after the plug-in itself: left out of what is dumped while they are at their defaults, so that
    artifacts from before there were such options keep their names."""

    def idle(self) -> dict[str, str]:
        """Return the options that have no effect in this combination: field -> why, as the end of a sentence."""
        return {}

    @model_validator(mode="after")
    def _refuse_idle(self) -> Self:
        idle = [f"`{name}` has no effect {why}" for name, why in self.idle().items() if name in self.model_fields_set]
        if idle:
            raise ValueError("; ".join(idle))
        return self

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Dump only what has an effect: what is dumped can be read again, and equal parts have equal fingerprints."""
        fields = type(self).model_fields
        left = {name for name in self.later if getattr(self, name) == fields[name].default} | self.idle().keys()
        return {name: value for name, value in handler(self).items() if name not in left}


def modules(package: str) -> list[ModuleType]:
    """Return the modules of a package (a dotted name) by name, without those that begin with an underscore."""
    home = importlib.import_module(package)
    names = sorted(info.name for info in pkgutil.iter_modules(home.__path__) if not info.name.startswith("_"))
    return [importlib.import_module(f"{package}.{name}") for name in names]


@cache
def discover(package: str, base: type[Part]) -> dict[str, type[Any]]:
    """Return name -> class for every plug-in of `package` (a dotted name), sorted by name."""
    found: dict[str, type[Any]] = {}
    for module in modules(package):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__:
                name = plugin_name(value)
                if name in found:
                    where = f"{found[name].__module__}, {module.__name__}"
                    raise TypeError(f"two plug-ins of {package} are called {name!r}: {where}")
                found[name] = value
    return dict(sorted(found.items()))


def plugin_name(cls: type[Part]) -> str:
    """Return the word in the class's ``name: Literal[...]``."""
    words = get_args(cls.model_fields["name"].annotation)
    if len(words) != 1 or not isinstance(words[0], str):
        raise TypeError(f"{cls.__module__}.{cls.__name__}: field `name` must be a Literal with one word")
    return words[0]
