"""Verify that every file, here or in the zoo, is what its manifest or card says, and that there is nothing else."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, IntegrityError, UserError
from drdoctl.core.files import WORK_FILES, read_json
from drdoctl.store.manifest import MANIFEST, well_formed
from drdoctl.zoo import CARD_FILE
from drdoctl.zoo.card import FileEntry, parse_card
from drdoctl.zoo.gather import file_fault, refuse_listing
from drdoctl.zoo.location import open_zoo, parse_ref
from drdoctl.zoo.resolve import look_up
from drdoctl.zoo.safety import content_fault, name_faults, publishable


@dataclass(frozen=True)
class Verified:
    """What was looked at and found sound."""

    what: str
    files: int
    size: int
    """Bytes."""


def verify_zoo(ref: str, location: str, *, offline: bool = False) -> Verified:
    """Download every file of `zoo/NAME[@REV]`, one at a time, and check it. Nothing is kept.

    Raises IntegrityError (exit 5) naming each file that is not what the card says.
    """
    facts = look_up(parse_ref(ref), location, offline=offline)
    zoo = open_zoo(location, offline=offline)
    refuse_listing(zoo, facts)
    faults = []
    with tempfile.TemporaryDirectory(prefix="drdoctl-verify-") as folder:
        for name, entry in sorted(facts.card.files.items()):
            path = Path(folder, name)
            zoo.fetch(facts.card.name, facts.revision, name, path, entry)
            if fault := file_fault(path, entry) or content_fault(path):
                faults.append(f"`{name}` of `{facts.ref}`: {fault}")
            path.unlink(missing_ok=True)
    _raise(faults, f"take another revision, or tell whoever publishes in `{location}`")
    return Verified(f"{facts.ref} at {facts.revision[:12]}", len(facts.card.files), facts.card.size)


def verify_folder(folder: Path) -> Verified:
    """Check a folder against its `manifest.json` (an artifact) or `drdoctl.json` (pulled with `--to`).

    Every file listed must be there with its hash, weights must be safetensors, and no other file may lie there.
    """
    entries = _entries(folder)
    faults = []
    for name, entry in sorted(entries.items()):
        path = folder / name
        fault = file_fault(path, entry)
        if fault is None and publishable(name):
            fault = content_fault(path)
        if fault:
            faults.append(f"`{name}`: {fault}")
    faults += [f"`{name}`: nothing lists it" for name in _others(folder, set(entries))]
    _raise(faults, f"make or pull it again: `rm -r {folder}`, then the command that made it")
    return Verified(str(folder), len(entries), sum(entry.size for entry in entries.values()))


def _entries(folder: Path) -> dict[str, FileEntry]:
    if (folder / MANIFEST).is_file():
        manifest: Any = read_json(folder / MANIFEST)
        if fault := well_formed(manifest, folder.name):
            raise IntegrityError(
                f"`{folder / MANIFEST}` {fault}",
                code="manifest",
                hint=f"make it again: `rm -r {folder}`, then the command that made it",
            )
        return {
            name: FileEntry.model_construct(sha256=fact["sha256"], size=fact["size"])  # whatever they are, files differ
            for name, fact in manifest["files"].items()
        }
    if (folder / CARD_FILE).is_file():
        data = (folder / CARD_FILE).read_bytes()
        name = (read_json(folder / CARD_FILE) or {}).get("name", "")
        card = parse_card(data, name=str(name), where=f"`{folder}`")
        _raise(name_faults(card.files), "pull it again into another folder")
        return dict(card.files)
    raise UserError(
        f"`{folder}` holds neither `{MANIFEST}` nor `{CARD_FILE}`",
        code="nothing-to-verify",
        hint="name an artifact, its folder, a folder pulled with `--to`, or `zoo/NAME`",
    )


def _others(folder: Path, listed: set[str]) -> list[str]:
    own = {MANIFEST, CARD_FILE, *WORK_FILES}
    found = (
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()
    )
    return sorted(name for name in found if name not in listed and name not in own)


def _raise(faults: list[str], hint: str) -> None:
    if faults:
        raise IntegrityError([Fault("integrity", fault, None, hint) for fault in faults])
