"""Checkpoints that are whole or absent, around DeepSpeed's files.

DeepSpeed writes its shards in place and without checksums, so a checkpoint here is a fresh folder
`checkpoints/step-N/` that counts only once its `manifest.json` (sizes and sha256, written last) is there.
The two newest are kept; a damaged one is passed over for the one before. The shards are pickles that
this run wrote for itself: they are never published and never read from anywhere else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.errors import IntegrityError
from drdoctl.core.files import disk_errors, fsync_dir, read_json, write_json
from drdoctl.core.fingerprint import file_sha256
from drdoctl.train.runtime import World

KEEP = 2
MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Point:
    """A checkpoint that holds: the steps done when it was written, and the small state beside the weights."""

    folder: Path
    step: int
    processes: int
    state: dict[str, Any]


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


def save(engine: Any, root: Path, step: int, state: dict[str, Any], world: World) -> None:
    """Write `step-N`, then its manifest, then drop the oldest. Every process calls this."""
    folder = root / f"step-{step}"
    with disk_errors(folder):
        if world.first:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        world.barrier()
        engine.save_checkpoint(str(root), tag=folder.name, save_latest=False, exclude_frozen_parameters=True)
        world.barrier()
    if world.first:
        with disk_errors(folder):
            for path in _files(folder):
                with path.open("rb") as file:
                    os.fsync(file.fileno())
        sums = {
            str(path.relative_to(folder)): {"size": path.stat().st_size, "sha256": file_sha256(path)}
            for path in _files(folder)
        }
        write_json(folder / MANIFEST, {"step": step, "processes": world.size, "state": state, "files": sums})
        fsync_dir(root)
        for old in _folders(root)[KEEP:]:
            shutil.rmtree(old, ignore_errors=True)
    world.barrier()


def _folders(root: Path) -> list[Path]:
    """Return the checkpoint folders, newest step first (by number, never by time)."""
    found = [path for path in root.glob("step-*") if path.name[5:].isdigit()]
    return sorted(found, key=lambda path: int(path.name[5:]), reverse=True)


def _holds(folder: Path) -> Point | None:
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or {"step", "processes", "state", "files"} - manifest.keys():
        return None
    for name, wanted in manifest["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != wanted["size"] or file_sha256(path) != wanted["sha256"]:
            return None
    if {str(path.relative_to(folder)) for path in _files(folder)} != set(manifest["files"]):
        return None
    return Point(folder, manifest["step"], manifest["processes"], manifest["state"])


def newest(root: Path, world: World, note: Callable[[str], None]) -> Point | None:
    """Return the newest checkpoint that holds, with a note where a newer one was damaged. None: start at step 0."""
    damaged: list[str] = []
    for folder in _folders(root):
        point = _holds(folder)
        if point is None:
            damaged.append(folder.name[5:])
            continue
        _fell_back(damaged, f"step {point.step:,}", note)
        if point.processes != world.size:
            raise IntegrityError(
                f"the checkpoint at step {point.step} was written by {point.processes} processes, not {world.size}",
                code="other-world-size",
                hint=f"resume with `--set resources.processes={point.processes}`, or delete `{root}` to start anew",
            )
        return point
    _fell_back(damaged, "the start", note)
    return None


def _fell_back(damaged: Sequence[str], to: str, note: Callable[[str], None]) -> None:
    if damaged:
        one = len(damaged) == 1
        which = (
            f"the checkpoint at step {damaged[0]} is" if one else f"the checkpoints at steps {', '.join(damaged)} are"
        )
        note(f"{which} damaged or not whole: training goes on from {to}")


def restore(engine: Any, point: Point) -> None:
    """Load weights and optimizer. Raises IntegrityError where DeepSpeed finds nothing."""
    # frozen weights are not in a checkpoint: they are those of the base, which was loaded before
    whole = all(weight.requires_grad for weight in engine.module.parameters())
    path, _ = engine.load_checkpoint(
        str(point.folder.parent), tag=point.folder.name, load_module_strict=whole, load_lr_scheduler_states=False
    )
    if path is None:
        raise IntegrityError(f"checkpoint `{point.folder}` cannot be loaded", code="checkpoint")
