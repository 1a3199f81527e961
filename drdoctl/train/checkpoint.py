"""Checkpoints that are whole or absent, around DeepSpeed's files.

DeepSpeed writes its shards in place and without checksums, so a checkpoint here is a fresh folder
`checkpoints/step-N/` that counts only once its `manifest.json` (sizes and sha256, written last) is there.
The newest are kept, two unless the spec says otherwise; a damaged one is passed over for the one before, and so is one
whose steps' metrics are not there. Training waits only until the shards are handed to the operating system; that they
reach the disk, and their hashes, and the manifest, are a thread's work while it goes on. The shards are pickles that
this run wrote for itself: they are never published and never read from anywhere else.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from drdoctl.core import files
from drdoctl.core.errors import IntegrityError, Refused, StageFailed
from drdoctl.core.files import disk_errors, fsync_dir, read_json, write_json
from drdoctl.core.fingerprint import digest, file_sha256
from drdoctl.train.runtime import World
from drdoctl.train.universal import universal

MANIFEST = "manifest.json"
FACTS = {"step", "processes", "state", "files"}
OWN = "sha256"
"""Key of the manifest's hash of itself."""


@dataclass(frozen=True)
class Point:
    """A checkpoint that holds: the steps done when it was written, and the small state beside the weights."""

    folder: Path
    step: int
    processes: int
    zero_stage: int | None
    """None: an earlier version did not say, so it is taken for the engine's."""
    state: dict[str, Any]

    def moved(self, processes: int, zero_stage: int) -> str | None:
        """Return what is to be said where others go on than wrote it; None where the result stays the same."""
        if self.processes == processes and self.zero_stage in (None, zero_stage):
            return None
        those = "one process" if self.processes == 1 else f"{self.processes} processes"
        then = f"{those} at ZeRO stage {zero_stage if self.zero_stage is None else self.zero_stage}"
        return (
            f"the checkpoint at step {self.step:,} is of {then}, and {processes} go on at stage {zero_stage}: "
            "the same rows in the same order, but not the same result bit for bit"
        )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MANIFEST)


class Saver:
    """Writes a run's checkpoints, one at a time."""

    def __init__(
        self, root: Path, world: World, keep: int, saved: Callable[[int], None], metrics: Path | None = None
    ) -> None:
        """Keep `keep` checkpoints; call `saved` with the step once one counts: in the first process, from a thread.

        `metrics`: the file of the steps' metrics, which a resume goes on with, and which is durable before one counts.
        """
        self.root, self.world, self.keep, self.saved, self.metrics = root, world, keep, saved, metrics
        self.newest: int | None = None
        """The step of the newest one that counts, as far as this process knows."""
        self._sealing: threading.Thread | None = None
        self._error: BaseException | None = None

    def __enter__(self) -> Self:
        """Begin a run."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End it: a checkpoint that is being sealed still comes to count, whatever ended the run."""
        with contextlib.nullcontext() if error is None else contextlib.suppress(Exception):
            self.wait()

    def save(self, engine: Any, step: int, state: dict[str, Any]) -> None:
        """Write `step-N`; its manifest follows, then the oldest goes. Every process calls this, at the same step."""
        self.wait()
        folder = self.root / f"step-{step}"
        with _or_nothing(folder), disk_errors(folder, lambda: _needs(self.root, engine)):
            if self.world.first:
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir(parents=True)
            self.world.barrier()
            engine.save_checkpoint(str(self.root), tag=folder.name, save_latest=False, exclude_frozen_parameters=True)
            self.world.barrier()
        if self.world.first:
            stage = engine.zero_optimization_stage()
            facts = {"step": step, "processes": self.world.size, "zero_stage": stage, "state": state}
            self._sealing = threading.Thread(target=self._seal, args=(folder, facts), daemon=True)
            self._sealing.start()

    def wait(self) -> None:
        """Return when the last checkpoint counts. Raises what kept it from that."""
        if self._sealing is not None:
            self._sealing.join()
            self._sealing = None
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _seal(self, folder: Path, facts: dict[str, Any]) -> None:
        try:
            with _or_nothing(folder), disk_errors(folder):
                if self.metrics is not None:
                    files.sync(self.metrics)
                seal(folder, facts)
            # later ones did not hold when this run began: kept, they would take the places of those that do
            found = _folders(self.root)
            later = [old for old in found if _step(old) > facts["step"]]
            for old in [*later, *found[len(later) + self.keep :]]:
                shutil.rmtree(old, ignore_errors=True)
            self.newest = facts["step"]
            self.saved(self.newest)
        except BaseException as error:  # noqa: BLE001  # it belongs to whoever waits
            self._error = error


@contextlib.contextmanager
def _or_nothing(folder: Path) -> Iterator[None]:
    """Remove what the disk did not take whole: it is of no use, and leaves room to say what happened."""
    try:
        yield
    except StageFailed:
        for path in folder.rglob("*"):
            with contextlib.suppress(OSError):
                os.truncate(path, 0)  # torch still has it open: removed alone, it would keep its room
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _needs(root: Path, engine: Any) -> int:
    """Return the bytes of a checkpoint: as many as the last one's, or float32 weights and their two moments."""
    for folder in _folders(root):
        manifest = read_json(folder / MANIFEST)
        if isinstance(manifest, dict):
            return sum(fact["size"] for fact in manifest["files"].values())
    weights = [weight for weight in engine.module.parameters() if weight.requires_grad]
    return 12 * sum(getattr(weight, "ds_numel", weight.numel()) for weight in weights)


def seal(folder: Path, facts: dict[str, Any]) -> None:
    """Make a checkpoint's files durable, then write its manifest: from then on it counts."""
    sums = {str(path.relative_to(folder)): files.seal(path) for path in _files(folder)}
    told = {**facts, "files": sums}
    write_json(folder / MANIFEST, {**told, OWN: digest(told)})
    fsync_dir(folder.parent)


def _folders(root: Path) -> list[Path]:
    """Return the checkpoint folders, newest step first (by number, never by time)."""
    return sorted((path for path in root.glob("step-*") if path.name[5:].isdigit()), key=_step, reverse=True)


def _step(folder: Path) -> int:
    return int(folder.name[5:])


def _holds(folder: Path) -> Point | None:
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or not _whole(manifest):
        return None
    for name, wanted in manifest["files"].items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != wanted["size"] or file_sha256(path) != wanted["sha256"]:
            return None
    if {str(path.relative_to(folder)) for path in _files(folder)} != set(manifest["files"]):
        return None
    return Point(folder, manifest["step"], manifest["processes"], manifest.get("zero_stage"), manifest["state"])


def _whole(manifest: dict[str, Any]) -> bool:
    """Whether a manifest says what it said when it was written; an earlier version's has no hash of its own."""
    told = {key: value for key, value in manifest.items() if key != OWN}
    known = FACTS <= told.keys() <= FACTS | {"zero_stage"}
    return known and (OWN not in manifest or manifest[OWN] == digest(told))


def newest(root: Path, note: Callable[[str], None], metrics_to: int | None = None) -> Point | None:
    """Return the newest checkpoint that holds, with a note where a newer one does not. None: start at step 0.

    `metrics_to`: the step up to which metrics are there; a checkpoint after it would leave a gap in them.
    """
    damaged: list[int] = []
    ahead: list[int] = []
    found = None
    for folder in _folders(root):
        if metrics_to is not None and _step(folder) > metrics_to:
            ahead.append(_step(folder))
        elif (found := _holds(folder)) is None:
            damaged.append(_step(folder))
        else:
            break
    to = "the start" if found is None else f"step {found.step:,}"
    _fell_back(damaged, "damaged or not whole", to, note)
    _fell_back(ahead, f"ahead of `metrics.jsonl`, which ends at step {metrics_to}", to, note)
    return found


def _fell_back(steps: Sequence[int], why: str, to: str, note: Callable[[str], None]) -> None:
    if steps:
        which = "checkpoint at step {} is" if len(steps) == 1 else "checkpoints at steps {} are"
        note(f"the {which.format(', '.join(map(str, steps)))} {why}: training goes on from {to}")


_FORMS = ("whole", "flat", "flat", "parts")
"""How each ZeRO stage keeps the optimizer's state; DeepSpeed reads no other form, nor do universal checkpoints."""


def restore(engine: Any, point: Point, world: World) -> None:
    """Load weights and optimizer. Raises Refused where they cannot be had in another form."""
    stage = engine.zero_optimization_stage()
    if point.zero_stage is not None and _FORMS[point.zero_stage] != _FORMS[stage]:
        raise Refused(
            f"the checkpoint at step {point.step:,} is of ZeRO stage {point.zero_stage} and cannot be read at {stage}",
            code="other-zero-stage",
            hint=f"resume with `--set resources.zero_stage={point.zero_stage}`, or delete `{point.folder.parent}` to "
            "start the stage anew",
        )
    # frozen weights are not in a checkpoint: they are those of the base, which was loaded before
    whole = all(weight.requires_grad for weight in engine.module.parameters())
    same = point.moved(world.size, stage) is None
    with contextlib.nullcontext(point.folder) if same else universal(engine, point.folder, world) as folder:
        path, _ = engine.load_checkpoint(
            str(folder.parent), tag=folder.name, load_module_strict=whole, load_lr_scheduler_states=False
        )
    if path is None:
        raise IntegrityError(f"checkpoint `{point.folder}` cannot be loaded", code="checkpoint")
