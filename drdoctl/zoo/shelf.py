"""The cards that ship with drdoctl (`zoo/*.yaml`): what the recipes make, and whether it is published yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from drdoctl.core.errors import IntegrityError
from drdoctl.core.parts import Model


class ShelfCard(Model):
    """One file of `zoo/`."""

    name: str
    """Name in the zoo; the file's stem."""
    role: Literal["oracle", "student"]
    """A reward model, or an aligned policy."""
    status: Literal["not published yet", "published"]
    """Whether `drdoctl pull` finds it in the default zoo today."""
    about: str
    """What it is, in a sentence."""
    base: str
    """Hub id of the model it starts from."""
    data: str
    """Hub id of the preference pairs."""
    license: str
    """SPDX id of the licence it inherits, or `other`."""
    recipe: str
    """The recipe that makes it."""
    stage: str
    """The stage of that recipe whose artifact it is."""
    commands: list[str]
    """How to make and publish it."""
    revision: str | None = None
    """The immutable id of what is published."""


def shipped_cards(folder: Path | None = None) -> dict[str, ShelfCard]:
    """Return every shipped card by name, sorted. `folder`: in place of the shipped one."""
    from drdoctl.shipped import shipped

    return {path.stem: _read(path) for path in sorted((folder or shipped("zoo")).glob("*.yaml"))}


def not_published(name: str) -> str | None:
    """Return the hint for a shipped name that nobody has published yet, or None."""
    card = shipped_cards().get(name)
    if card is None or card.status == "published":
        return None
    return f"it is not published yet: `drdoctl show zoo/{name}` gives the commands that make it"


def _read(path: Path) -> ShelfCard:
    import yaml

    plain: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        card = ShelfCard.model_validate(plain)
    except ValidationError as error:
        raise IntegrityError(f"`{path}` is not a card: {error}", code="card", hint="install drdoctl again") from None
    if card.name != path.stem:
        raise IntegrityError(f"`{path}` describes `{card.name}`", code="card", hint="install drdoctl again")
    return card
