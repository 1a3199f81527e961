"""From `zoo/NAME` to facts that a plan can rest on, without the network.

A zoo in a folder is read at once. For others the store remembers what a name meant when it was last
pulled or looked up (`zoo-refs.json`); a name stays pinned to that until it is pulled again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.commands import quoted
from drdoctl.core.errors import IntegrityError, ZooError
from drdoctl.core.files import read_json, write_json
from drdoctl.zoo.card import Card, parse_card
from drdoctl.zoo.location import Ref, needs_network, open_zoo, parse_ref
from drdoctl.zoo.shelf import answered
from drdoctl.zoo.staging import locked

LOCK_FILE = "zoo-refs.json"
FORMAT = 1


@dataclass(frozen=True)
class ZooFacts:
    """What a name in the zoo stands for."""

    ref: str
    """`zoo/NAME@REVISION`, as the spec has it."""
    revision: str
    """The immutable id it means."""
    card: Card

    @property
    def sha256(self) -> str:
        """Return the hash of the model's content: what stands for it in fingerprints."""
        return self.card.content_sha256

    @property
    def files(self) -> dict[str, str]:
        """Return file name -> sha256."""
        return {name: entry.sha256 for name, entry in self.card.files.items()}


def zoo_facts(ref: str, location: str, store_root: Path) -> ZooFacts:
    """Return the facts of `zoo/NAME[@REV]`. Reads files only; raises ZooError (exit 4) where they do not tell."""
    parsed = parse_ref(ref)
    if not needs_network(location):
        return look_up(parsed, location)
    found = remembered(parsed, location, store_root)
    if found is None:
        raise ZooError(
            f"what `{parsed}` means in `{location}` is not known on this machine",
            code="zoo-unresolved",
            hint="look it up once: "
            f"`drdoctl pull {quoted(parsed)} --zoo {quoted(location)} --store {quoted(store_root)}`",
        )
    return found


def look_up(ref: Ref, location: str, *, offline: bool = False) -> ZooFacts:
    """Ask the zoo what a name means now. Raises ZooError, or IntegrityError for a card that is not sound."""
    with answered(ref.name):
        zoo = open_zoo(location, offline=offline)
        revision = zoo.resolve(ref.name, ref.revision)
    card = parse_card(zoo.card(ref.name, revision), name=ref.name, where=f"`{location}`")
    return ZooFacts(str(ref), revision, card)


def remember(facts: ZooFacts, location: str, store_root: Path) -> None:
    """Note what a name means, for later plans; what others note at the same time stays."""
    with locked(store_root / f"{LOCK_FILE}.lock"):
        refs = _refs(store_root)
        refs[_key(facts.ref, location)] = {"revision": facts.revision, "card": facts.card.model_dump(mode="json")}
        write_json(store_root / LOCK_FILE, {"format": FORMAT, "refs": refs})


def remembered(ref: Ref, location: str, store_root: Path) -> ZooFacts | None:
    """Return what a name meant when it was last looked up, or None."""
    entry = _refs(store_root).get(_key(str(ref), location))
    if not isinstance(entry, dict) or not isinstance(entry.get("revision"), str):
        return None
    try:
        card = parse_card(json.dumps(entry.get("card")).encode(), name=ref.name, where=LOCK_FILE)
    except IntegrityError:
        return None  # another version wrote it, or it is damaged: the next pull writes it anew
    return ZooFacts(str(ref), entry["revision"], card)


def _key(ref: str, location: str) -> str:
    return f"{location} {ref}"


def _refs(store_root: Path) -> dict[str, Any]:
    found = read_json(store_root / LOCK_FILE)
    if not isinstance(found, dict) or found.get("format") != FORMAT or not isinstance(found.get("refs"), dict):
        return {}
    return dict(found["refs"])
