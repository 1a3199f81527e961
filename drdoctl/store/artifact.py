"""Artifacts: folders named by their fingerprint, complete when `manifest.json` is there.

A stage works in `<artifact>.partial/`. To commit is to hash and fsync every file, write the manifest, clear the work
files, and rename the folder: a crash at any point leaves either work in progress or the complete artifact.
"""

from __future__ import annotations

import os
from collections.abc import Container, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.commands import quoted
from drdoctl.core.errors import IntegrityError, Refused, StageFailed
from drdoctl.core.files import WORK_FILES, disk_errors, fsync_dir, read_json, seal, write_atomic, write_json
from drdoctl.core.fingerprint import file_sha256
from drdoctl.core.progress import AFRESH, UNITS
from drdoctl.store.folder import moment, newest_checkpoint, remove, result_files, subfolders, sweep
from drdoctl.store.lock import busy_with, wait_until_free
from drdoctl.store.manifest import FORMAT, MANIFEST, describe, number_of, read, sealed

if TYPE_CHECKING:
    from drdoctl.stages import Want

PARTIAL = ".partial"
KEPT = ("log.txt",)
"""Work files that stay in the artifact, though they are not hashed."""
OWN = frozenset({"artifacts", "runs", "reports", "cache", "lock", "store.json", "hub-refs.json", "zoo-refs.json"})
PATIENCE_SECONDS = 10.0
"""How long the children of an apply that was killed may take to notice."""
HASH_ALWAYS = 2 << 30
"""Artifacts up to this many bytes are hashed before each use; above it, sizes are compared, unless asked to verify."""


class Store:
    """One folder that holds artifacts and runs. Reading works on any folder; `prepare` makes it ready to write."""

    def __init__(self, root: Path) -> None:
        """`root`: the folder of `--store`; need not be there."""
        self.root = Path(os.path.abspath(root))  # noqa: PTH100  # as the user sees it: links stay links
        self.artifacts = self.root / "artifacts"
        self.runs = self.root / "runs"
        self.reports = self.root / "reports"
        self.pulls = self.root / "cache" / "pulls"
        self.warnings: list[str] = []
        """What was found broken and is treated as not there, one sentence each."""
        self._verified: set[str] = set()
        self._made: int | None = None

    def prepare(self) -> None:
        """Make the folders. `StageFailed` where the place is not ours, is a file, or cannot be written."""
        try:
            names = {path.name for path in self.root.iterdir() if not path.name.startswith(".")}
        except FileNotFoundError:
            names = set()
        except OSError as error:
            raise _no_store(self.root, str(error.strerror).lower()) from error
        if names - OWN and "store.json" not in names:
            raise _no_store(self.root, f"it holds other files, such as `{min(names - OWN)}`")
        try:
            with disk_errors(self.root):
                for folder in (self.artifacts, self.runs):
                    folder.mkdir(parents=True, exist_ok=True)
                if not (self.root / ".gitignore").exists():
                    write_atomic(self.root / ".gitignore", "*\n")
                if (read_json(self.root / "store.json") or {}).get("format", 1) != FORMAT:
                    raise _no_store(self.root, "a newer drdoctl made it")
                # Written each time: the cheapest proof that the place can be written before any computing starts.
                write_json(self.root / "store.json", {"format": FORMAT})
        except OSError as error:
            raise _no_store(self.root, str(error.strerror).lower()) from error

    def path(self, artifact: str) -> Path:
        """Return the folder of a complete artifact."""
        return self.artifacts / artifact

    def partial_path(self, artifact: str) -> Path:
        """Return the folder of the same artifact while it is made."""
        return self.artifacts / f"{artifact}{PARTIAL}"

    def manifest(self, artifact: str) -> dict[str, Any] | None:
        """Return the manifest of a complete artifact. A broken one is as good as none, and leaves a warning."""
        found, fault = read(self.path(artifact), artifact)
        if fault is not None:
            self._warn(f"`artifacts/{artifact}/{MANIFEST}` {fault}: the artifact is taken as not there")
        return found

    def manifests(self) -> list[dict[str, Any]]:
        """Return the manifests of all complete artifacts, oldest first: as they were made, whatever the clock said."""
        names = sorted(path.name for path in subfolders(self.artifacts) if not path.name.endswith(PARTIAL))
        found = [manifest for name in names if (manifest := self.manifest(name)) is not None]
        return sorted(found, key=lambda manifest: (number_of(manifest), manifest["created"], manifest["id"]))

    def partial(self, artifact: str) -> dict[str, Any] | None:
        """Return how far an unfinished artifact is: step, seen, steps, unit, checkpoint (or None), at (UTC); or None.

        `seen` is the last step reported, `step` where a resume goes on: training starts again at its checkpoint, or at
        0 without one; what counts in chunks keeps each, sampling the pieces it has finished; rows are read afresh.
        """
        folder = self.partial_path(artifact)
        if not (folder / "job.json").is_file():
            return None
        progress = read_json(folder / "progress.json")
        progress = {
            name: value
            for name, value in (progress if isinstance(progress, dict) else {}).items()
            if isinstance(value, str if name == "unit" else int)
        }
        newest = folder / ("progress.json" if progress else "job.json")
        checkpoint = newest_checkpoint(folder) or progress.get("checkpoint")
        seen, unit = progress.get("step", 0), progress.get("unit", UNITS.get(artifact.rpartition("-")[0], "step"))
        return {
            "step": checkpoint or (0 if unit in ("step", AFRESH) else progress.get("kept", seen)),
            "seen": seen,
            "steps": progress.get("steps", 0),
            "unit": unit,
            "checkpoint": checkpoint,
            "at": moment(newest),
        }

    def open_partial(self, want: Want) -> tuple[Path, bool]:
        """Return the folder to work in, and whether earlier work on the very same stage lies in it."""
        folder = self.partial_path(want.artifact)
        if not wait_until_free(folder / "job.json", PATIENCE_SECONDS):
            pids = " ".join(map(str, busy_with(folder / "job.json")))
            ends = f"`kill {pids}` ends it" if pids else f"find it with `pgrep -f {quoted(folder)}` and end it"
            raise Refused(
                f"a child of an earlier apply is still at work in `{folder}`",
                code="still-at-work",
                hint=f"{ends}; then run the same command again",
            )
        with disk_errors(folder):
            job = read_json(folder / "job.json")
            resumes = isinstance(job, dict) and job.get("fingerprint") == want.fingerprint
            if not resumes:
                remove(folder)
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("stop", "stopped", "failure.json"):
                (folder / name).unlink(missing_ok=True)
            sweep(folder)
        return folder, resumes

    def half_committed(self, artifact: str) -> bool:
        """Whether the folder in progress already has its manifest: only the rename is missing."""
        return read(self.partial_path(artifact), artifact)[0] is not None

    def commit(self, want: Want, spec_name: str, metrics: Mapping[str, Any], seconds: float) -> Path:
        """Turn the folder in progress into the artifact and return its path."""
        folder = self.partial_path(want.artifact)
        with disk_errors(folder):
            (folder / MANIFEST).unlink(missing_ok=True)
            sweep(folder)
            files = {name: seal(folder / name) for name in result_files(folder)}
            if not files:
                raise StageFailed(f"stage `{want.id}` ended well but left no files", code="no-files")
            told = describe(want, spec_name, files, metrics, seconds)
            write_json(folder / MANIFEST, sealed(told | {"number": self._next_number()}))
        return self.finish(want.artifact)

    def _next_number(self) -> int:
        """Return the number of the artifact that is about to be made. Nobody else makes one while the store is held."""
        if self._made is None:
            self._made = max(map(number_of, self.manifests()), default=0)
        self._made += 1
        return self._made

    def finish(self, artifact: str) -> Path:
        """Clear the work files and rename: the last part of `commit`, and all of it after a crash in between."""
        folder, final = self.partial_path(artifact), self.path(artifact)
        with disk_errors(folder):
            for name in WORK_FILES:
                if name not in KEPT:
                    remove(folder / name)
            fsync_dir(folder)
            if final.exists():
                self._warn(f"`artifacts/{artifact}` was there, damaged, and was replaced")
                remove(final)
            folder.rename(final)
            fsync_dir(self.artifacts)
        self._verified.add(artifact)
        return final

    def verify(self, artifact: str, *, full: bool = True, names: Container[str] | None = None) -> None:
        """Compare files with the manifest, by sha256 or by size; `IntegrityError` names every one that differs.

        A manifest that is not as it was written is one itself. `names`: only these, as far as the artifact has them.
        """
        folder = self.path(artifact)
        manifest, fault = read(folder, artifact)
        if manifest is None:
            what = f"`{folder}` has no manifest" if fault is None else f"`{folder / MANIFEST}` {fault}"
            raise IntegrityError(what, code="manifest", hint=_again(folder))
        faults = []
        for name, fact in manifest["files"].items():
            path = folder / name
            if names is not None and name not in names:
                continue
            if not path.is_file():
                faults.append(f"`{name}` is missing")
            elif path.stat().st_size != fact["size"]:
                faults.append(f"`{name}` has {path.stat().st_size:,} bytes in place of {fact['size']:,}")
            elif full and file_sha256(path) != fact["sha256"]:
                faults.append(f"`{name}` has another sha256")
        if faults:
            raise IntegrityError(f"`{folder}` is damaged: {'; '.join(faults)}", code="integrity", hint=_again(folder))

    def verify_input(self, artifact: str, *, full: bool = False) -> None:
        """`verify` before use, once a process: sha256 where the artifact is small or `full`, else sizes."""
        if artifact in self._verified:
            return
        manifest = self.manifest(artifact)
        size = sum(fact["size"] for fact in manifest["files"].values()) if manifest else 0
        self.verify(artifact, full=full or size <= HASH_ALWAYS)
        self._verified.add(artifact)

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def _no_store(root: Path, why: str) -> StageFailed:
    return StageFailed(
        f"`{root}` cannot be used as a store: {why}",
        code="store",
        hint="name another folder with `--store DIR`, or mend this one's permissions",
    )


def _again(folder: Path) -> str:
    return f"delete the folder and run the same apply again: `rm -r {quoted(folder)}`"
