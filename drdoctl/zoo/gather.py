"""Fetch the files of a card into a folder and check each: name, size, sha256, format."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from drdoctl.core.errors import Fault, IntegrityError
from drdoctl.core.files import disk_errors, fsync_dir
from drdoctl.core.fingerprint import file_sha256
from drdoctl.zoo import Zoo
from drdoctl.zoo.calls import more
from drdoctl.zoo.card import FileEntry
from drdoctl.zoo.resolve import ZooFacts
from drdoctl.zoo.safety import content_fault, name_faults

Report = Callable[[str, int], None]
"""Told each file's name and bytes once it is there and checked."""
Watch = Callable[[Path, int], AbstractContextManager[None]]
"""(folder, bytes that will lie in it) -> what surrounds the transfer: somebody who tells how far it is."""


def nobody(folder: Path, size: int) -> AbstractContextManager[None]:  # noqa: ARG001  # has the shape of a `Watch`
    """Tell nothing."""
    return nullcontext()


def gather(
    zoo: Zoo, facts: ZooFacts, folder: Path, report: Report | None = None, watch: Watch = nobody
) -> tuple[str, ...]:
    """Fetch what `folder` lacks, check all of it, make it durable; return the names of what was fetched."""
    more(facts.card.size)
    refuse_listing(zoo, facts)
    with watch(folder, facts.card.size):
        fetched, faults = _fetch(zoo, facts, folder, report)
    if faults:
        raise _refused(faults, zoo.location)
    fsync_dir(folder)
    return fetched


def _fetch(zoo: Zoo, facts: ZooFacts, folder: Path, report: Report | None) -> tuple[tuple[str, ...], list[str]]:
    fetched: list[str] = []
    faults: list[str] = []
    for name, entry in sorted(facts.card.files.items()):
        path = folder / name
        if file_fault(path, entry) is not None:
            with disk_errors(path):
                path.unlink(missing_ok=True)
                zoo.fetch(facts.card.name, facts.revision, name, path, entry)
            fetched.append(name)
        if fault := file_fault(path, entry) or content_fault(path):
            faults.append(f"`{name}` of `{facts.ref}`: {fault}")
        else:
            _sync(path)
            if report:
                report(name, entry.size)
    return tuple(fetched), faults


def refuse_listing(zoo: Zoo, facts: ZooFacts) -> None:
    """Compare what the card lists with what the zoo holds, before anything is fetched or written."""
    card, ref = facts.card, facts.ref
    faults = [f"{fault} (card of `{ref}`)" for fault in name_faults(card.files)]
    held = zoo.listing(card.name, facts.revision)
    faults += [f"{fault} (in `{ref}`)" for fault in name_faults(set(held) - set(card.files))]
    faults += [f"`{name}` of `{ref}` is not in its card" for name in sorted(set(held) - set(card.files))]
    faults += [f"`{name}` of `{ref}` is missing" for name in sorted(set(card.files) - set(held))]
    faults += [
        f"`{name}` of `{ref}` has {held[name]:,} bytes in place of {entry.size:,}"
        for name, entry in sorted(card.files.items())
        if name in held and held[name] != entry.size
    ]
    if faults:
        raise _refused(faults, zoo.location)


def _refused(faults: list[str], location: str) -> IntegrityError:
    hint = f"nothing was installed; tell whoever publishes in `{location}`, or take another revision"
    return IntegrityError([Fault("zoo-file", fault, None, hint) for fault in faults])


def file_fault(path: Path, entry: FileEntry) -> str | None:
    """Return how a file differs from its entry, or None."""
    if path.is_symlink() or not path.is_file():
        return "it is missing"
    if path.stat().st_size != entry.size:
        return f"it has {path.stat().st_size:,} bytes in place of {entry.size:,}"
    return None if file_sha256(path) == entry.sha256 else "it has another sha256"


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
