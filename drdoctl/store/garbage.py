"""What a store holds that no plan and no run needs any more, and how it is removed.

A run needs the artifacts of its plan, all of them, made or not, for so many days; the last run that had a plan needs
them however long ago it was. What nobody needs may still be young (pulled a minute ago), so it has to be as old itself.
Of a link only the link goes: what it leads to is another store's, or somebody's.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from drdoctl.core.files import disk_errors, fsync_dir
from drdoctl.store.artifact import PARTIAL, Store
from drdoctl.store.folder import UNFINISHED, remove, subfolders
from drdoctl.store.lock import wait_until_free
from drdoctl.store.manifest import MANIFEST
from drdoctl.store.run import read_events, run_folders

DAY = 86400.0
HOUR = 3600.0
"""After which a write beside a file is no longer somebody's who is at it: not all who write hold the store."""


@dataclass(frozen=True)
class Waste:
    """One folder or file that nobody needs."""

    path: Path
    size: int
    """Bytes."""
    why: str


def needed_by_runs(store: Store, days: float, now: float | None = None) -> set[str]:
    """Return the artifacts in the plans of the last run that had one and of those that began within `days`.

    A run that a full disk stopped before its plan needs nothing, and takes nothing from the one before it.
    """
    oldest = (time.time() if now is None else now) - days * DAY
    needed: set[str] = set()
    last: list[str] = []
    begun = 0.0
    for folder in run_folders(store):
        stages: list[str] | None = None
        for event in read_events(folder):
            if event["event"] == "run_started":
                # where the clock was set back, a run is still no older than those before it
                begun = max(begun, datetime.fromisoformat(event["time"]).timestamp())
            elif event["event"] == "plan":
                stages = [str(stage["artifact"]) for stage in event["stages"]]
        if stages is None:
            continue
        last = stages
        if begun >= oldest:
            needed.update(stages)
    return needed.union(last)


def garbage(store: Store, needed: Collection[str], days: float, now: float | None = None) -> list[Waste]:
    """Return what can go, sorted by path: leftovers, and what nobody needs once it is `days` old."""
    moment = time.time() if now is None else now
    found = [*_artifacts(store, needed, moment - days * DAY, days), *_pulls(store, moment - days * DAY)]
    apart = [waste.path for waste in found] + [folder for folder in subfolders(store.artifacts) if _at_work(folder)]
    litter = (waste for waste in _litter(store, moment - HOUR) if not any(map(waste.path.is_relative_to, apart)))
    return sorted([*found, *litter], key=lambda waste: waste.path)


def discard(waste: Waste) -> None:
    """Remove one of them. An artifact loses its manifest first: it is never there in part; a link loses nothing."""
    with disk_errors(waste.path):
        if waste.path.is_dir() and not waste.path.is_symlink():
            (waste.path / MANIFEST).unlink(missing_ok=True)
        remove(waste.path)
        fsync_dir(waste.path.parent)


def _artifacts(store: Store, needed: Collection[str], oldest: float, days: float) -> Iterator[Waste]:
    for folder in subfolders(store.artifacts):
        if _at_work(folder):
            continue
        artifact = folder.name.removesuffix(PARTIAL)
        finished = artifact == folder.name
        if finished and not (folder / MANIFEST).exists():
            yield Waste(folder, _size(folder), "has no manifest: what is left of an artifact")
        elif not finished and store.manifest(artifact) is not None:
            yield Waste(folder, _size(folder), "the artifact is there whole")
        elif artifact not in needed and _changed(folder) < oldest:
            what = "" if finished else "unfinished; "
            yield Waste(folder, _size(folder), f"{what}no plan and no run of the last {days:g} days needs it")


def _pulls(store: Store, oldest: float) -> Iterator[Waste]:
    for folder in subfolders(store.pulls):
        # whoever pulls holds this lock, not the store's
        if _changed(folder) < oldest and wait_until_free(folder.with_name(f"{folder.name}.lock"), 0):
            yield Waste(folder, _size(folder), "a pull that was not finished")
    for lock in store.pulls.glob("*.lock"):
        if lock.lstat().st_mtime < oldest and wait_until_free(lock, 0):
            yield Waste(lock, lock.lstat().st_size, "the lock of a pull that was killed")


def _litter(store: Store, oldest: float) -> Iterator[Waste]:
    for path in store.root.rglob(".*"):
        if UNFINISHED.fullmatch(path.name) and path.lstat().st_mtime < oldest:
            yield Waste(path, path.lstat().st_size, "a write that was cut off")


def _at_work(folder: Path) -> bool:
    """Whether a child is at work in it, be it of an apply that was killed."""
    return folder.name.endswith(PARTIAL) and not wait_until_free(folder / "job.json", 0)


def _changed(folder: Path) -> float:
    """Return when a folder's own list of files, its manifest, or a link to it last changed: seconds since the epoch."""
    times = [path.stat().st_mtime for path in (folder, folder / MANIFEST, folder / "progress.json") if path.exists()]
    return max([*times, folder.lstat().st_mtime])


def _size(folder: Path) -> int:
    if folder.is_symlink():
        return folder.lstat().st_size
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
