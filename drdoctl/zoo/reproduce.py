"""How an artifact can be made again: the spec and the plan that made it, as the journal of its run has them.

Paths of somebody's machine go no further: of a path that leads out of the spec's folder only the file's name is kept,
and what says where to compute and where to publish is left out. None of that is part of a fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from drdoctl.core.files import read_json, write_json
from drdoctl.core.fingerprint import digest
from drdoctl.store.artifact import Store
from drdoctl.store.run import Run, read_events, run_folders

SPEC_FILE = "spec.json"
"""In a run's folder: the spec's values, and the hash of its plan."""
HERE = ("resources", "publish", "zoo")
"""Sections about this machine and its owner."""
OUTSIDE = ("/", "~", "./", "../")


def note(run: Run, values: Mapping[str, Any], stages: Mapping[str, str]) -> None:
    """Write down what a run carries out. `values`: the spec's, `--set` included; `stages`: id -> fingerprint."""
    write_json(run.folder / SPEC_FILE, {"format": 1, "values": values, "plan_sha256": digest(dict(stages))})


def spec_of(store: Store, manifest: Mapping[str, Any], artifact: str) -> tuple[dict[str, Any], str | None]:
    """Return the spec that made an artifact, fit for others, and its plan's sha256; ({}, None) where nobody knows.

    Of several runs the first that planned it tells, so that the same artifact always gives the same card.
    """
    noted = manifest.get("zoo") or {}
    if isinstance(noted.get("spec"), dict):
        return dict(noted["spec"]), noted.get("plan_sha256")
    for folder in run_folders(store):
        kept = read_json(folder / SPEC_FILE)
        if isinstance(kept, dict) and artifact in _planned(folder):
            return portable(kept["values"]), str(kept["plan_sha256"])
    return {}, None


def _planned(folder: Any) -> set[str]:
    plans = [event["stages"] for event in read_events(folder) if event["event"] == "plan"]
    return {str(stage["artifact"]) for stages in plans for stage in stages}


def portable(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a spec's values without what only this machine knows."""
    kept = {key: _portable(value) for key, value in values.items() if key not in HERE}
    zoo = values.get("zoo")
    if isinstance(zoo, str) and (zoo.startswith("hub:") or urlsplit(zoo).scheme not in ("", "file", "local", "memory")):
        kept["zoo"] = zoo
    return kept


def _portable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _portable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_portable(item) for item in value]
    if isinstance(value, str) and value.startswith(OUTSIDE):
        return PurePosixPath(value).name or value
    return value
