"""What is done, running, interrupted or failed, told from the files alone: right even after `kill -9`."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drdoctl.core.files import read_json
from drdoctl.store.artifact import Store
from drdoctl.store.folder import moment
from drdoctl.store.lock import holder, pid_alive
from drdoctl.store.run import read_events, run_folders
from drdoctl.store.whole import lacks

FORMAT = 1
STATES = ("done", "running", "interrupted", "failed", "waiting")


def status(store: Store, stages: Sequence[Mapping[str, Any]] | None = None) -> dict[str, Any]:
    """Return the state of each stage.

    `stages`: `id`, `kind` and `artifact` of each, as a plan has them; without it, those of the last run.
    The result: `format`, `store`, `run` (the last run, or None), `holder` (of the lock, or None), `stages`, `summary`.
    """
    last = _last_run(store)
    chosen = stages if stages is not None else (last or {}).get("stages", [])
    held_by = holder(store.root)
    found = [
        {key: stage[key] for key in ("id", "kind", "artifact")} | _state(store, stage["artifact"], held_by)
        for stage in chosen
    ]
    states = [stage["state"] for stage in found]
    return {
        "format": FORMAT,
        "store": str(store.root),
        "run": {key: value for key, value in last.items() if key != "stages"} if last else None,
        "holder": held_by,
        "stages": found,
        "summary": {state: states.count(state) for state in STATES},
    }


def _state(store: Store, artifact: str, held_by: Mapping[str, Any] | None) -> dict[str, Any]:
    manifest = store.manifest(artifact)
    damage = lacks(store.path(artifact), manifest) if manifest is not None else None
    if manifest is not None and damage is None:
        return {
            "state": "done",
            "path": str(store.path(artifact)),
            "seconds": manifest["seconds"],
            "at": manifest["created"],
        }
    folder = store.partial_path(artifact)
    partial = store.partial(artifact)
    if partial is None:
        return {"state": "waiting", **({"damage": damage} if damage else {})}
    progress = {key: partial[key] for key in ("steps", "unit", "checkpoint", "at")}
    progress |= {"step": partial["seen"], "kept": partial["step"]}
    failure = read_json(folder / "failure.json")
    if isinstance(failure, dict):  # also while its apply goes on with others: what starts clears it away
        told = {"faults": faults_of(failure), "log": str(folder / "log.txt")}
        return {"state": "failed", **progress, "at": moment(folder / "failure.json"), **told}
    if held_by is not None and _works(folder, held_by):
        return {"state": "running", **progress, "pid": held_by.get("pid")}
    return {"state": "interrupted", **progress}


def faults_of(failure: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the faults that a stage left, those that are whole."""
    told = failure.get("faults")
    told = told if isinstance(told, list) else []
    return [one for one in told if isinstance(one, dict) and isinstance(one.get("message"), str)]


def _works(folder: Path, held_by: Mapping[str, Any]) -> bool:
    """Whether the holder of the lock is the apply that this folder's child belongs to, and lives."""
    job = read_json(folder / "job.json")
    parent = job.get("parent") if isinstance(job, dict) else None
    if "pid" not in held_by:
        return isinstance(parent, int) and pid_alive(parent)
    if held_by["pid"] != parent:
        return False
    return held_by.get("host") != socket.gethostname() or pid_alive(parent)


def _last_run(store: Store) -> dict[str, Any] | None:
    """Return id, spec, time, exit code and stages of the newest run that had a plan; else of the newest that began.

    A run that a full disk stopped before its plan did nothing that could be shown.
    """
    begun: dict[str, Any] | None = None
    for folder in reversed(run_folders(store)):
        run: dict[str, Any] = {}
        for event in read_events(folder):
            if event["event"] == "run_started":
                run = {"id": folder.name, "spec": event["spec"], "started": event["time"], "exit_code": None}
            elif event["event"] == "plan" and run:
                run["stages"] = event["stages"]
            elif event["event"] == "run_finished" and run:
                run["exit_code"] = event["exit_code"]
        if "stages" in run:
            return run
        begun = begun or run or None
    return begun
