"""Verify that every file, here or in the zoo, is what its manifest or card says, and that there is nothing else."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drdoctl.core.commands import quoted
from drdoctl.core.errors import Fault, IntegrityError, UserError
from drdoctl.core.files import WORK_FILES, read_json
from drdoctl.core.fingerprint import file_sha256
from drdoctl.store.artifact import Store
from drdoctl.store.manifest import MANIFEST, read
from drdoctl.zoo import CARD_FILE, SIGNATURE_FILE, signing
from drdoctl.zoo.calls import overall
from drdoctl.zoo.card import ROLES, Card, FileEntry, parse_card
from drdoctl.zoo.gather import file_fault, refuse_listing
from drdoctl.zoo.lineage import template_of
from drdoctl.zoo.location import open_zoo, parse_ref
from drdoctl.zoo.measured import measured
from drdoctl.zoo.probes import check
from drdoctl.zoo.resolve import look_up
from drdoctl.zoo.safety import content_fault, name_faults, publishable
from drdoctl.zoo.trust import NOTHING_MORE, Trust, stated, stated_here


@dataclass(frozen=True)
class Verified:
    """What was looked at and found sound."""

    what: str
    files: int
    size: int
    """Bytes."""
    checked: Mapping[str, Any] = field(default_factory=dict)
    """What was found beside the hashes: see `Trust.look`."""


@overall()
def verify_zoo(ref: str, location: str, *, offline: bool = False, trust: Trust = NOTHING_MORE) -> Verified:
    """Download every file of `zoo/NAME[@REV]` and check it, then the signature and the probes. Nothing is kept.

    Raises IntegrityError (exit 5) naming each file that is not what the card says, and each probe that differs.
    """
    facts = look_up(parse_ref(ref), location, offline=offline)
    zoo = open_zoo(location, offline=offline)
    signature = trust.early(zoo, facts)
    refuse_listing(zoo, facts)
    whole = trust.key is not None or (trust.scorer is not None and bool(facts.card.probes))
    faults = []
    with tempfile.TemporaryDirectory(prefix="drdoctl-verify-") as folder:
        for name, entry in sorted(facts.card.files.items()):
            path = Path(folder, name)
            zoo.fetch(facts.card.name, facts.revision, name, path, entry)
            if fault := file_fault(path, entry) or content_fault(path):
                faults.append(f"`{name}` of `{facts.ref}`: {fault}")
            if not whole:
                path.unlink(missing_ok=True)  # one at a time: hashing needs no more room than the largest takes
        _raise(faults, f"take another revision, or tell whoever publishes in `{location}`")
        checked = trust.look(zoo, facts, Path(folder), signature)
    return Verified(f"{facts.ref} at {facts.revision[:12]}", len(facts.card.files), facts.card.size, checked)


def verify_folder(folder: Path, trust: Trust = NOTHING_MORE) -> Verified:
    """Check a folder against its `manifest.json` (an artifact) or `drdoctl.json` (pulled with `--to`).

    Every file listed must be there with its hash, weights must be safetensors, and no other file may lie there. Then
    the signature, where `trust` asks for it, and the probes.
    """
    entries, about = _entries(folder)
    faults = []
    for name, entry in sorted(entries.items()):
        path = folder / name
        fault = file_fault(path, entry)
        if fault is None and publishable(name):
            fault = content_fault(path)
        if fault:
            faults.append(f"`{name}`: {fault}")
    faults += [f"`{name}`: nothing lists it" for name in _others(folder, set(entries))]
    _raise(faults, f"make or pull it again: `rm -r {quoted(folder)}`, then the command that made it")
    checked = _trusted(folder, about, trust)
    return Verified(str(folder), len(entries), sum(entry.size for entry in entries.values()), checked)


def _trusted(folder: Path, about: Card | dict[str, Any], trust: Trust) -> dict[str, Any]:
    """Check the signature of a folder, where a key asks for it, and the probes of its model."""
    found: dict[str, Any] = {}
    if trust.key is not None:
        if not isinstance(about, Card):
            raise UserError(
                f"`{folder}` is an artifact of a store, and signatures are of what was published",
                code="no-signature-here",
                hint="verify `zoo/NAME`, or a folder pulled with `--to`",
            )
        if fault := signing.fault_of(folder, trust.key):
            raise signing.refused(str(folder), fault)
        found["signed_by"] = file_sha256(trust.key)
        trust.tell(f"signed by the owner of `{trust.key}`", True)
    if isinstance(about, Card):
        told = stated(about)
    elif about["kind"] in ROLES:
        store = Store(folder.parent.parent)
        told = stated_here(about, measured(store, folder.name, None), template_of(store, about))
    else:
        return found
    probed = check(told, folder, trust.scorer, str(folder))
    trust.tell(probed.said, probed.scored)
    return {**found, "probed": probed.scored, "probes": probed.said}


def _entries(folder: Path) -> tuple[dict[str, FileEntry], Card | dict[str, Any]]:
    """Return what a folder's manifest or card lists, and the manifest or card."""
    if (folder / MANIFEST).is_file():
        manifest, fault = read(folder, folder.name)
        if manifest is None:
            raise IntegrityError(
                f"`{folder / MANIFEST}` {fault}",
                code="manifest",
                hint=f"make it again: `rm -r {quoted(folder)}`, then the command that made it",
            )
        listed = {
            name: FileEntry.model_construct(sha256=fact["sha256"], size=fact["size"])  # whatever they are, files differ
            for name, fact in manifest["files"].items()
        }
        return listed, manifest
    if (folder / CARD_FILE).is_file():
        data = (folder / CARD_FILE).read_bytes()
        name = (read_json(folder / CARD_FILE) or {}).get("name", "")
        card = parse_card(data, name=str(name), where=f"`{folder}`")
        _raise(name_faults(card.files), "pull it again into another folder")
        return dict(card.files), card
    raise UserError(
        f"`{folder}` holds neither `{MANIFEST}` nor `{CARD_FILE}`",
        code="nothing-to-verify",
        hint="name an artifact, its folder, a folder pulled with `--to`, or `zoo/NAME`",
    )


def _others(folder: Path, listed: set[str]) -> list[str]:
    own = {MANIFEST, CARD_FILE, SIGNATURE_FILE, *WORK_FILES}
    found = (
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    return sorted(name for name in found if name not in listed and name not in own)


def _raise(faults: list[str], hint: str) -> None:
    if faults:
        raise IntegrityError([Fault("integrity", fault, None, hint) for fault in faults])
