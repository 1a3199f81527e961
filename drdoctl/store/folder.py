"""What is done to the folder of a stage in progress: look for checkpoints, sweep, list, date, remove."""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from drdoctl.core.files import WORK_FILES
from drdoctl.store.manifest import MANIFEST

UNFINISHED = re.compile(r"\.\d+\..+|\..+\.tmp|\.tmp[A-Za-z0-9]{6}")
"""Names that `core.files` and `core.progress`, and safetensors, write before they rename."""


def newest_checkpoint(folder: Path) -> int | None:
    """Return the step of the newest whole checkpoint, or None."""
    whole = [path.parent.name[5:] for path in (folder / "checkpoints").glob(f"step-*/{MANIFEST}")]
    return max((int(step) for step in whole if step.isdigit()), default=None)


def sweep(folder: Path) -> None:
    """Remove what a killed process had begun to write beside its files."""
    for path in folder.rglob(".*"):
        if UNFINISHED.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def result_files(folder: Path) -> list[str]:
    """Return the files that make the artifact, as POSIX paths below the folder, sorted."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).parts[0] not in WORK_FILES and path.name != MANIFEST
    )


def subfolders(parent: Path) -> list[Path]:
    """Return the folders in a folder; none where it is not there."""
    try:
        return [path for path in parent.iterdir() if path.is_dir()]
    except OSError:
        return []


def moment(path: Path) -> str:
    """Return when a file was last written (UTC, to the second)."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds")


def remove(path: Path) -> None:
    """Remove a file, a link, or a folder with all in it; what is not there is no error."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
