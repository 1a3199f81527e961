"""What is here of a model of the zoo already: in a store, or in a folder that it was pulled to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from drdoctl.core.commands import quoted
from drdoctl.core.errors import IntegrityError
from drdoctl.core.files import disk_errors
from drdoctl.store.artifact import Store
from drdoctl.zoo import CARD_FILE
from drdoctl.zoo.card import Card, parse_card
from drdoctl.zoo.gather import file_fault
from drdoctl.zoo.measured import FIELDS
from drdoctl.zoo.resolve import ZooFacts


def there(store: Store, artifact: str, card: Card) -> bool:
    """Tell whether a complete artifact holds the card's files."""
    manifest = store.manifest(artifact)
    if manifest is None or not store.path(artifact).is_dir():
        return False
    files = manifest["files"]
    return all(files.get(name, {}).get("sha256") == entry.sha256 for name, entry in card.files.items())


def holds(folder: Path, card: Card) -> bool:
    """Tell whether a folder holds a card and all files it lists."""
    try:
        same = parse_card((folder / CARD_FILE).read_bytes(), name=card.name, where=f"`{folder}`") == card
    except (OSError, IntegrityError):
        return False
    return same and all(file_fault(folder / name, entry) is None for name, entry in card.files.items())


def origin_of(facts: ZooFacts, location: str) -> dict[str, Any]:
    """Return what the manifest notes beside the card's own fields: where the files came from, and what they need."""
    card = facts.card
    return {
        "location": location,
        "ref": facts.ref,
        "revision": facts.revision,
        "license": card.license,
        "template": card.template,
        "base": card.base.model_dump(),
        "datasets": card.datasets,
        "parents": [parent.model_dump() for parent in card.parents],
        "figures": card.figures,
        "spec": card.whole_spec,
        "plan_sha256": card.plan_sha256,
        "measured": {name: value for name, value in card.model_dump(mode="json", include=set(FIELDS)).items() if value},
    }


def link_known(store: Store, card: Card, staging: Path) -> dict[str, Any] | None:
    """Take the files from the artifact that an earlier pull left under the model's own name, if it is there.

    Returns what that pull had found, or None.
    """
    if not there(store, card.artifact, card):
        return None
    known = store.path(card.artifact)
    if any(file_fault(known / name, entry) for name, entry in card.files.items()):
        return None
    with disk_errors(staging):
        for name in card.files:
            (staging / name).unlink(missing_ok=True)
            os.link(known / name, staging / name)  # artifacts never change, so two may share their bytes
    origin = (store.manifest(card.artifact) or {}).get("zoo") or {}
    return {**origin.get("checked", {}), "linked": card.artifact}


def refuse_other(store: Store, artifact: str, facts: ZooFacts) -> None:
    """Leave the choice to the user where an artifact of this name was made here and came out with other bits."""
    if not there(store, artifact, facts.card):
        raise IntegrityError(
            f"`{store.path(artifact)}` was made from the same settings as `{facts.ref}`, but holds other weights",
            code="other-weights",
            hint=f"keep yours; take the zoo's elsewhere: `drdoctl pull {quoted(facts.ref)} --store zoo-store`",
        )
