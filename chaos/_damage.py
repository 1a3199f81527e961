"""The faults that strike files: a bit turned over or an end cut off, in what is kept; a full disk."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

from chaos._apply import Apply
from chaos._hit import Hit, Kind, Missed, finish
from drdoctl.store.folder import newest_checkpoint

Harm = Callable[[Path, Random], str]
DAMAGED = "damaged or not whole"
"""What a stage says in its log where a checkpoint was passed over."""
BALLAST = "ballast"


def flip(path: Path, rng: Random) -> str:
    """Turn one bit over."""
    at, bit = rng.randrange(path.stat().st_size), rng.randrange(8)
    with path.open("r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))
    return "a bit"


def cut(path: Path, rng: Random) -> str:
    """Cut off the end."""
    os.truncate(path, rng.randrange(path.stat().st_size))
    return "cut"


def checkpoints(apply: Apply) -> list[Path]:
    """Return the files of the newest checkpoint of the stage at work."""
    folder = apply.folder()
    step = newest_checkpoint(folder) if folder is not None else None
    if folder is None or step is None or (folder / "manifest.json").is_file():  # nobody reads it any more
        return []
    return _files(folder / "checkpoints" / f"step-{step}")


def pieces(apply: Apply) -> list[Path]:
    """Return what the stage at work keeps of its finished pieces."""
    folder = apply.folder()
    return _files(folder / "work") if folder is not None else []


def _files(folder: Path) -> list[Path]:
    """Return files with something in them that are there under their final name."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".") and path.stat().st_size > 0
    )


def harm(targets: Callable[[Apply], list[Path]], how: Harm, *, log: bool) -> Callable[[Apply, Random], Hit]:
    """Return what kills an apply and then harms one of the files. `log`: the stage must say so when it goes on."""

    def strike(apply: Apply, rng: Random) -> Hit:
        place, folder = apply.place(), apply.folder()
        apply.kill_all()
        found = targets(apply)
        if not found or folder is None:
            raise Missed
        hit = finish(apply, place, folder, (-9,))
        path = rng.choice(found)
        hit.said = f"{how(path, rng)} in {path.relative_to(folder)}"
        hit.redone = None  # more than a kill costs
        if log:
            apply.world.owed.append(folder.name.removesuffix(".partial"))
        return hit

    return strike


def needed(apply: Apply) -> list[str]:
    """Return the finished artifacts that a stage to come will read."""
    needs = apply.world.needs
    open_ = [name for name in needs if apply.store.manifest(name) is None]
    return sorted({need for name in open_ for need in needs[name] if apply.store.manifest(need) is not None})


def _needed(apply: Apply, rng: Random) -> tuple[str, str]:
    """Return a finished artifact that a stage to come will read, and one of its files. Raises Missed."""
    found = needed(apply)
    if not found:
        raise Missed
    name = rng.choice(found)
    return name, rng.choice(sorted((apply.store.manifest(name) or {})["files"]))


def flip_in_artifact(apply: Apply, rng: Random) -> Hit:
    """Turn a bit of a finished artifact over: apply must refuse it and say what to do, which is then done."""
    place = apply.place()
    apply.kill_all()
    name, file = _needed(apply, rng)
    what = flip(apply.store.path(name) / file, rng)
    again = Apply(apply.world)
    hit = finish(again, place, None, (5,))
    hit.said = f"{what} in {name.partition('-')[0]}/{file}, the remedy followed"
    told = [fault.get("hint") or "" for fault in again.faults()]
    remedy = shlex.split(told[0].partition("`")[2].partition("`")[0]) if told else []
    if remedy != ["rm", "-r", str(apply.store.path(name))]:
        hit.wrong.append(f"it says: {again.faults()}")
    shutil.rmtree(apply.store.path(name))
    apply.world.owed = [other for other in apply.world.owed if other != name]  # its log is gone with it
    return hit


def harm_whole(how: Harm, *, manifest: bool = False) -> Callable[[Apply, Random], Hit]:
    """Return what cuts a file of a finished artifact, or harms its manifest: the next plan makes the artifact again."""

    def strike(apply: Apply, rng: Random) -> Hit:
        place, stage = apply.place(), apply.folder()
        apply.kill_all()
        name, file = _needed(apply, rng)
        path = apply.store.path(name) / ("manifest.json" if manifest else file)
        before = path.read_bytes()
        what = how(path, rng)
        while same_document(path, before):  # `1e-5` and `1E-5` are one bit apart
            path.write_bytes(before)
            what = how(path, rng)
        hit = finish(apply, place, stage, (-9,))
        hit.said = f"{what} in {name.partition('-')[0]}/{path.name}, made again"
        hit.redone, hit.after = None, Apply(apply.world)
        if (action := hit.after.planned(name)) in (None, "reuse"):
            hit.wrong.append(f"the next plan has `{action}` for it: {' '.join(hit.after.errors.split())[:600]}")
        apply.world.owed = [other for other in apply.world.owed if other != name]  # its log goes with it
        return hit

    return strike


def same_document(path: Path, before: bytes) -> bool:
    """Whether a JSON file still says what it said; False for any other file."""
    if path.suffix != ".json":
        return False
    try:
        return bool(json.loads(path.read_bytes()) == json.loads(before))
    except ValueError:
        return False


def fill(apply: Apply, rng: Random) -> Hit:  # noqa: ARG001
    """Leave no room on the disk: exit 1 in so many words. Then there is room again."""
    place, folder = apply.place(), apply.folder()
    ballast = apply.store.root / "cache" / BALLAST
    ballast.parent.mkdir(exist_ok=True)
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(1 << 20)):
            pass
    try:
        hit = finish(apply, place, folder, (1, 0))
        if hit.exit == 0:
            raise Missed
        if "No space left" not in apply.errors:
            hit.wrong.append(f"it says: {' '.join(apply.errors.split())[:600]}")
    finally:
        ballast.unlink()
    return hit


@contextlib.contextmanager
def small_disk(folder: Path, size: str = "192m") -> Iterator[bool]:
    """Mount a small disk in memory on a folder for a while; False where this process may not."""
    folder.mkdir(parents=True, exist_ok=True)
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None or os.geteuid() != 0:
        yield False
        return
    command = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True).returncode == 0  # noqa: S603
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run([umount, "--lazy", str(folder)], check=True)  # noqa: S603


def has_checkpoint(apply: Apply) -> bool:
    """Whether the stage at work has a checkpoint."""
    return bool(checkpoints(apply))


def has_pieces(apply: Apply) -> bool:
    """Whether the stage at work has finished a piece."""
    return bool(pieces(apply))


def has_inputs(apply: Apply) -> bool:
    """Whether a stage has finished and another is at work."""
    return apply.working() and any(event["event"] == "stage_finished" for event in apply.events)


FILES = (
    Kind("a bit turned over in a checkpoint", harm(checkpoints, flip, log=True), has_checkpoint, delay=0.3),
    Kind("a checkpoint's file cut short", harm(checkpoints, cut, log=True), has_checkpoint, delay=0.3),
    Kind("a bit turned over in a piece", harm(pieces, flip, log=False), has_pieces, delay=0.2),
    Kind("a piece cut short", harm(pieces, cut, log=False), has_pieces, delay=0.2),
    Kind("a bit turned over in an artifact", flip_in_artifact, has_inputs),
    Kind("an artifact's file cut short", harm_whole(cut), has_inputs),
    Kind("a bit turned over in a manifest", harm_whole(flip, manifest=True), has_inputs),
    Kind("a manifest cut short", harm_whole(cut, manifest=True), has_inputs),
)
FULL = Kind("a full disk", fill, Apply.working, delay=1.0)
