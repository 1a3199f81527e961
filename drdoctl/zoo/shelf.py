"""The catalogue that ships with drdoctl (`zoo/*.yaml`): a card for each known artifact, whether it exists yet or not.

A card of the catalogue says what an artifact is and how it is made. The card that is published with the files
(`card.Card`) says what they are; `schemas/card.schema.json` takes both.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.core.parts import Model
from drdoctl.core.suggest import did_you_mean

Status = Literal["not published yet", "ships with drdoctl", "published"]
UNASKED = ("zoo-unreachable", "offline")
SOUGHT_IN_VAIN = (*UNASKED, "zoo-unknown", "zoo-permission")
"""Codes of errors after which nobody knows that a name exists; after the first two, no zoo was there to guess it."""


class Cost(Model):
    """What a recipe's plan estimates, from sizes alone."""

    machine: str
    """The machine it is estimated for, and the speed that is assumed."""
    hours: float = Field(gt=0)
    """All stages of the recipe, one after the other."""
    own_hours: float = Field(gt=0)
    """Of these, the artifact's stage and the stages it needs."""
    memory_gib: float = Field(gt=0)
    """The most that one process needs."""
    disk_gib: float = Field(gt=0)
    """What all stages leave."""


class ShelfCard(Model):
    """One card of the catalogue (a file of `zoo/`)."""

    name: str
    """Name in the zoo; the file's stem."""
    role: Literal["oracle", "student"]
    """A reward model, or an aligned policy."""
    status: Status
    """Whether weights exist under this name, and where."""
    about: str
    """What it is, in a sentence."""
    paper: str | None = None
    """The paper whose set-up this is."""
    base: str
    """Hub id of the model it starts from, or what that is in words."""
    data: str
    """Hub id of the preference pairs, or what they are in words."""
    license: str
    """SPDX id of the licence it inherits, or `other`."""
    recipe: str
    """The recipe that makes it."""
    stage: str
    """The stage of that recipe whose artifact it is."""
    example: str | None = None
    """A file of pairs to try it on, below the folder `zoo`."""
    commands: list[str]
    """How to make and publish it. ARTIFACT: that stage's artifact, as `drdoctl status` names it; LOCATION: a zoo."""
    cost: Cost
    """What making it takes, by the recipe's plan."""
    revision: str | None = None
    """The immutable id of what is published."""


def shipped_cards(folder: Path | None = None) -> dict[str, ShelfCard]:
    """Return every card of the catalogue by name, sorted. `folder`: in place of the shipped one."""
    from drdoctl.shipped import shipped

    return {path.stem: _read(path) for path in sorted((folder or shipped("zoo")).glob("*.yaml"), key=_stem)}


def not_published(name: str) -> str | None:
    """Return the hint for a name of the catalogue that is not in a zoo, or None."""
    card = shipped_cards().get(name)
    if card is None or card.status == "published":
        return None
    if card.status == "ships with drdoctl":
        return f"it ships with drdoctl: `drdoctl pull zoo/{name} --zoo shipped:`"
    return f"it is not published yet: `drdoctl show zoo/{name}` gives the commands that make it"


@contextmanager
def answered(name: str) -> Iterator[None]:
    """Say how it is made, and at what cost, where a name of the catalogue is sought that nobody has published.

    Raises ZooError (exit 4), as what it stands for did.
    """
    try:
        yield
    except ZooError as error:
        fault = error.faults[0]
        if fault.code not in SOUGHT_IN_VAIN:
            raise
        cards = shipped_cards()
        card = cards.get(name)
        if card is None and fault.code in UNASKED and (meant := did_you_mean(name, cards)):
            raise ZooError([replace(fault, hint=f"{meant} {fault.hint}")]) from None
        if card is None or card.status != "not published yet":
            raise
        message = f"nobody has published `zoo/{name}` yet, as far as this drdoctl knows; {fault.message}"
        raise ZooError(message, code="not-published", hint=recipe_text(card)) from None


def recipe_text(card: ShelfCard) -> str:
    """Return the commands that make an artifact, and their estimated cost, in lines."""
    spec = f"{card.recipe}.yaml"
    lines = ["make it, and publish it in a zoo of your own:", *(f"    {command}" for command in card.commands)]
    lines += [f"ARTIFACT is the `{card.stage}` artifact that `drdoctl status {spec}` names; LOCATION is your zoo"]
    return "\n".join([*lines, f"by the plan it takes {cost_text(card.cost)}"])


def cost_text(cost: Cost) -> str:
    """Return an estimate in words, in two lines."""
    return (
        f"{_time(cost.hours)} ({_time(cost.own_hours)} for this stage and what it needs), "
        f"{cost.memory_gib:g} GiB of memory for each process\n"
        f"and {cost.disk_gib:g} GiB of disk, on {cost.machine}"
    )


def _time(hours: float) -> str:
    return f"{hours:g} hours" if hours >= 1 else f"{60 * hours:.2g} minutes"


def schema() -> dict[str, Any]:
    """Return the JSON Schema of cards: a published one, or one of the catalogue."""
    from drdoctl.zoo.card import schema as published

    whole = published()
    dialect, definitions = whole.pop("$schema"), whole.pop("$defs", {})
    catalogue = ShelfCard.model_json_schema()
    definitions |= catalogue.pop("$defs", {})
    return {
        "$schema": dialect,
        "title": "A card of the zoo: published with an artifact, or of the catalogue",
        "anyOf": [{"$ref": "#/$defs/Card"}, {"$ref": "#/$defs/ShelfCard"}],
        "$defs": {**definitions, "Card": whole, "ShelfCard": catalogue},
    }


def _stem(path: Path) -> str:
    return path.stem


def _read(path: Path) -> ShelfCard:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a catalogue is some fifty files
    plain: Any = yaml.load(path.read_text(encoding="utf-8"), loader)  # noqa: S506  # a safe loader, in C
    try:
        card = ShelfCard.model_validate(plain)
    except ValidationError as error:
        raise IntegrityError(f"`{path}` is not a card: {error}", code="card", hint="install drdoctl again") from None
    if card.name != path.stem:
        raise IntegrityError(f"`{path}` describes `{card.name}`", code="card", hint="install drdoctl again")
    return card
