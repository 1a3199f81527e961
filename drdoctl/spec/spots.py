"""Which place of a spec pydantic's `loc` means: the path as written, and the model or plug-in that it is about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from drdoctl.spec.marks import Key
from drdoctl.spec.model import Data, NewModel, Publish, Spec, Student
from drdoctl.spec.oracles import Judge, Oracle
from drdoctl.spec.plugins import PLUGINS
from drdoctl.spec.resources import Resources
from drdoctl.spec.select import Select
from drdoctl.spec.serving import JudgeServer, Price, Server
from drdoctl.spec.training import Lora, Sft, Training

SECTIONS: dict[Key, type[BaseModel]] = {
    (): Spec,
    ("data",): Data,
    ("student",): Student,
    ("student", "model"): NewModel,
    ("student", "sft"): Sft,
    ("student", "lora"): Lora,
    ("oracle",): Oracle,
    ("oracle", "lora"): Lora,
    ("judges", "NAME"): Judge,
    ("judges", "NAME", "lora"): Lora,
    ("train",): Training,
    ("select",): Select,
    ("publish",): Publish,
    ("resources",): Resources,
    ("resources", "server"): Server,
    ("resources", "judge"): JudgeServer,
    ("resources", "judge", "price_per_million_tokens"): Price,
}
"""Place -> the model there; `NAME` stands for the name that a judge has."""


def section(path: Key) -> type[BaseModel] | None:
    """Return the model that stands at a path, or None."""
    return SECTIONS.get(("judges", "NAME", *path[2:]) if len(path) > 1 and path[0] == "judges" else path)


@dataclass(frozen=True)
class Spot:
    """Where a fault is: the path in the file, and the model whose field it is about."""

    path: Key
    owner: Key
    kind: str | None
    tag: str | None
    cls: type[BaseModel] | None
    written: Any = None
    """What the file has at the path."""
    word: str = ""
    """The last word of pydantic's place: the field, where the path has no room for it."""

    @property
    def field(self) -> str:
        """Return the last word of the path."""
        return str(self.path[-1]) if self.path else "spec"

    @property
    def dotted(self) -> str:
        """Return the path as `--set` takes it."""
        return ".".join(str(part) for part in self.path) or "spec"

    @property
    def thing(self) -> str:
        """Return what holds the field, in words."""
        if self.kind and self.tag:
            return f"{self.kind} `{self.tag}`"
        return f"`{'.'.join(str(part) for part in self.owner)}`" if self.owner else "a spec"

    @property
    def fields(self) -> list[str]:
        """Return the fields there are."""
        return list(self.cls.model_fields) if self.cls else []


def plugin_kind(path: Key) -> str | None:
    """Return `method`, `dataset`, `split` or `eval` where a plug-in stands at this path, else None."""
    if path == ("method",):
        return "method"
    if path == ("data", "source"):
        return "dataset"
    if len(path) == 3 and path[:2] == ("data", "split"):
        return "split"
    return "eval" if len(path) == 2 and path[0] == "evaluate" else None


def spot_of(loc: tuple[str | int, ...], raw: Any) -> Spot:
    """Follow pydantic's `loc` through the data as written: union tags and indices of short forms drop out."""
    logical: Key = ()
    path: Key = ()
    owner: Key = ()
    kind = tag = None
    cls: type[BaseModel] | None = Spec
    current = raw
    rest = list(loc)
    while rest:
        part = rest.pop(0)
        logical = (*logical, part)
        if isinstance(current, list if isinstance(part, int) else dict):
            path = (*path, part)
            current = current.get(part) if isinstance(current, dict) else _at(current, part)
        new_kind = plugin_kind(logical)
        if new_kind and rest:
            kind, tag, owner = new_kind, str(rest.pop(0)), path
            cls = PLUGINS[kind]().get(tag)
        elif logical in (("student", "model"), ("student", "sft")) and rest:
            rest.pop(0)
        if rest and (here := section(logical)) is not None:
            kind, tag, owner, cls = None, None, path, here
    return Spot(path, owner, kind, tag, cls, current, str(loc[-1]) if loc else "")


def _at(items: list[Any], index: str | int) -> Any:
    return items[index] if isinstance(index, int) and index < len(items) else None
