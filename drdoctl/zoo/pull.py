"""Pull: resolve a name once, download by id, check every file, and only then let it be seen.

Files gather in `<store>/cache/pulls/`, where an interrupted pull finds what it had; each is checked
(name, size, sha256, format) on arrival. The manifest is written last and the folder renamed into place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import IntegrityError, UserError
from drdoctl.core.files import disk_errors, write_atomic, write_json
from drdoctl.core.fingerprint import artifact_name
from drdoctl.store.artifact import Store
from drdoctl.store.manifest import MANIFEST
from drdoctl.zoo import CARD_FILE
from drdoctl.zoo.card import Card
from drdoctl.zoo.gather import Report, file_fault, gather
from drdoctl.zoo.location import Ref, locate, needs_network, open_zoo, parse_ref
from drdoctl.zoo.resolve import ZooFacts, look_up, remember, remembered
from drdoctl.zoo.staging import alone, into_place, keep_only

if TYPE_CHECKING:
    from drdoctl.stages import Want


@dataclass(frozen=True)
class Pulled:
    """What a pull did."""

    facts: ZooFacts
    path: Path
    fetched: tuple[str, ...]
    """Files that were downloaded by this call; empty where all was there."""


def pull(
    store: Store,
    ref: str,
    location: str,
    *,
    offline: bool = False,
    report: Report | None = None,
) -> Pulled:
    """Bring `zoo/NAME[@REV]` into the store as an artifact with the fingerprint it was made with.

    Offline, or with the same revision already there, nothing is fetched. Raises ZooError (exit 4)
    for the network and unknown names, IntegrityError (exit 5) naming each file that is not what the card says.
    """
    facts = _facts(store, parse_ref(ref), location, offline=offline)
    path, fetched = _bring(store, facts, location, facts.card.manifest(), offline=offline, report=report)
    remember(facts, location, store.root)
    return Pulled(facts, path, fetched)


def pull_into(store: Store, want: Want, *, zoo: str | None = None, offline: bool = False) -> Path:
    """Bring the model that a planned stage names (`want.locations["zoo"]`) into the store, under the stage's name.

    The plan pinned the content; a zoo that now gives another one is refused with IntegrityError.
    """
    where = want.locations["zoo"]
    location = where.get("location") or locate(zoo, ref=where["ref"])
    ref = parse_ref(where["ref"])
    facts = _planned(store, ref, where.get("revision"), location, offline=offline)
    if facts.sha256 != where.get("sha256", facts.sha256):
        raise IntegrityError(
            f"`{ref}` in `{location}` is not the model that was planned with",
            code="zoo-moved",
            hint="plan again, and apply the new plan",
        )
    manifest = facts.card.manifest()
    if want.fingerprint != facts.card.fingerprint:
        manifest |= {
            "kind": want.kind,
            "id": want.id,
            "fingerprint": want.fingerprint,
            "version": want.version,
            "settings": dict(want.settings),
            "inputs": {role: other.fingerprint for role, other in want.inputs.items()},
            "input_ids": {role: other.id for role, other in want.inputs.items()},
            "externals": dict(want.externals),
        }
    return _bring(store, facts, location, manifest, offline=offline, report=None)[0]


def pull_to(folder: Path, ref: str, location: str, *, offline: bool = False, report: Report | None = None) -> Pulled:
    """Bring a model into a plain folder, its card beside it. The folder must be empty or not there."""
    facts = look_up(parse_ref(ref), location, offline=offline)
    if _holds(folder, facts.card):
        return Pulled(facts, folder, ())
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(
            f"`{folder}` is there and holds something else",
            code="folder-not-empty",
            hint="name a folder that is empty or not there: `--to DIR`",
        )
    with disk_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        fetched = gather(open_zoo(location, offline=offline), facts, staging, report)
        write_atomic(staging / CARD_FILE, facts.card.to_bytes())
        staging.chmod(0o755)
        into_place(staging, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Pulled(facts, folder, fetched)


def _facts(store: Store, ref: Ref, location: str, *, offline: bool) -> ZooFacts:
    if offline and needs_network(location):
        known = remembered(ref, location, store.root)
        if known is not None and _there(store, known.card.artifact, known.card):
            return known
    return look_up(ref, location, offline=offline)


def _planned(store: Store, ref: Ref, revision: str | None, location: str, *, offline: bool) -> ZooFacts:
    """Return what the plan saw: as remembered, where that revision is in the store already, else as the zoo tells."""
    known = remembered(ref, location, store.root)
    if known is not None and revision == known.revision and _there(store, known.card.artifact, known.card):
        return known
    now = look_up(Ref(ref.name, revision or ref.revision), location, offline=offline)
    return replace(now, ref=str(ref))


def _there(store: Store, artifact: str, card: Card) -> bool:
    """Tell whether a complete artifact holds the card's files."""
    manifest = store.manifest(artifact)
    if manifest is None or not store.path(artifact).is_dir():
        return False
    files = manifest["files"]
    return all(files.get(name, {}).get("sha256") == entry.sha256 for name, entry in card.files.items())


def _holds(folder: Path, card: Card) -> bool:
    try:
        same = (folder / CARD_FILE).read_bytes() == card.to_bytes()
    except OSError:
        return False
    return same and all(file_fault(folder / name, entry) is None for name, entry in card.files.items())


def _bring(
    store: Store, facts: ZooFacts, location: str, manifest: dict[str, Any], *, offline: bool, report: Report | None
) -> tuple[Path, tuple[str, ...]]:
    artifact = artifact_name(manifest["kind"], manifest["fingerprint"])
    final = store.path(artifact)
    if store.manifest(artifact) is not None:
        _refuse_other(store, artifact, facts)
        return final, ()
    store.prepare()
    staging = store.pulls / f"{facts.card.name}-{facts.revision[:12]}"
    with alone(staging):
        if store.manifest(artifact) is not None:
            return final, ()
        keep_only(staging, set(facts.card.files))
        try:
            if _link_known(store, facts.card, staging):
                fetched: tuple[str, ...] = ()
            else:
                fetched = gather(open_zoo(location, offline=offline), facts, staging, report)
        except IntegrityError:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        write_json(staging / MANIFEST, {**manifest, "zoo": _origin(facts, location)})
        into_place(staging, final)
    return final, fetched


def _origin(facts: ZooFacts, location: str) -> dict[str, Any]:
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
    }


def _link_known(store: Store, card: Card, staging: Path) -> bool:
    """Take the files from the artifact that an earlier pull left under the model's own name, if it is there."""
    if not _there(store, card.artifact, card):
        return False
    known = store.path(card.artifact)
    if any(file_fault(known / name, entry) for name, entry in card.files.items()):
        return False
    with disk_errors(staging):
        for name in card.files:
            (staging / name).unlink(missing_ok=True)
            os.link(known / name, staging / name)  # artifacts never change, so two may share their bytes
    return True


def _refuse_other(store: Store, artifact: str, facts: ZooFacts) -> None:
    """Leave the choice to the user where an artifact of this name was made here and came out with other bits."""
    if not _there(store, artifact, facts.card):
        raise IntegrityError(
            f"`{store.path(artifact)}` was made from the same settings as `{facts.ref}`, but holds other weights",
            code="other-weights",
            hint=f"keep yours, or make room for the zoo's: `rm -r {store.path(artifact)}`",
        )
