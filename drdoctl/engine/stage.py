"""One stage seen from the parent: its job, and what its ending means."""

from __future__ import annotations

import contextlib
import json
import math
import os
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from signal import Signals
from typing import Any

from drdoctl.core.errors import DrdoError, Fault, Refused, StageFailed, error_class
from drdoctl.core.files import full_disk, read_json, write_json
from drdoctl.core.usage import taken
from drdoctl.engine import launch
from drdoctl.engine.watch import Ending
from drdoctl.engine.worker import NO_MEMORY, NO_ROOM, OUT_OF_MEMORY, as_dict
from drdoctl.plan.seconds import MACHINE
from drdoctl.plan.types import Estimate, PlannedStage
from drdoctl.stages import Job, Want
from drdoctl.stages.blueprint import is_pull
from drdoctl.store.artifact import Store
from drdoctl.store.whole import lacks

LAST = 5
"""Lines at the end of a log that may say why a child died that said nothing else."""


def names(stage: PlannedStage) -> dict[str, str]:
    """Return how events name a stage."""
    return {"id": stage.want.id, "artifact": stage.want.artifact}


def line(stage: PlannedStage) -> dict[str, str]:
    """Return a stage's line in the event of the plan."""
    return {"id": stage.want.id, "kind": stage.want.kind, "artifact": stage.want.artifact, "action": stage.action}


def job_for(
    want: Want, folder: Path, store: Store, resources: Mapping[str, Any], *, offline: bool, spent: float
) -> Job:
    """Return what the stage's child is told. `spent`: seconds that earlier runs of it took."""
    return Job(
        kind=want.kind,
        id=want.id,
        artifact=want.artifact,
        settings=dict(want.settings),
        inputs={role: str(store.path(other.artifact)) for role, other in want.inputs.items()},
        locations=dict(want.locations),
        resources={**resources, "threads": launch.threads(want.kind, resources)},
        out=str(folder),
        warnings=want.warnings,
        offline=offline,
        parent=os.getpid(),
        ticket=secrets.token_hex(8),
        fingerprint=want.fingerprint,
        spent=spent,
        externals=dict(want.externals),
    )


def spent_before(folder: Path) -> float:
    """Return the seconds that the interrupted runs in a folder in progress took, as far as their files tell.

    Both files tell of all runs so far: the job of those before its own, the progress of its own too, once it has said
    anything. The times of files tell nothing: whoever sets the clock, or copies the store, changes them.
    """
    found = [(read_json(folder / name), key) for name, key in (("job.json", "spent"), ("progress.json", "seconds"))]
    if not isinstance(found[0][0], dict):
        return 0.0
    told = [value.get(key) for value, key in found if isinstance(value, dict)]
    known = [one for one in told if isinstance(one, int | float) and not isinstance(one, bool) and 0 <= one < math.inf]
    return float(max(known, default=0.0))


def is_there(store: Store, want: Want) -> bool:
    """Whether an artifact is finished and its files are there, by size. What was pulled is looked at when read."""
    made = store.manifest(want.artifact)
    return made is not None and (is_pull(want) or lacks(store.path(want.artifact), made) is None)


def metrics_of(folder: Path, estimate: Estimate) -> dict[str, Any]:
    """Return the stage's last metrics, the estimated work, by which its speed can be told, and what it took."""
    metrics: dict[str, Any] = {}
    lines = launch.log_tail(folder / "metrics.jsonl", 1)
    if lines:
        try:
            metrics = dict(json.loads(lines[0]))
        except (ValueError, TypeError):
            metrics = {}
    if estimate.flops:
        metrics["flops"] = estimate.flops
    if estimate.tokens:
        metrics["tokens"] = estimate.tokens
    if estimate.nominal_seconds:
        metrics.update(nominal_seconds=estimate.nominal_seconds, nominal_machine=MACHINE)
        metrics.update({name: value for name, value in estimate.likeness.items() if name != "kind"})
    if estimate.memory_gib:
        metrics["expected_gib"] = estimate.memory_gib
    if estimate.seconds is not None:
        metrics["expected_seconds"] = estimate.seconds
        metrics["expected_by"] = estimate.basis
    return {**metrics, **taken(folder)}


def failure(name: str, folder: Path, ending: Ending, resources: Mapping[str, Any]) -> DrdoError:
    """Return the error that a bad ending of stage `name` means, and leave it in `failure.json` for `status`."""
    told = read_json(folder / "failure.json")
    who = f"`{name}`" if ending.rank is None else f"rank {ending.rank} of `{name}`"
    if ending.hung is not None:
        faults = [_hung(name, folder, ending.hung, resources)]
    elif ending.signal is not None:
        faults = [_killed(who, ending.signal, _short_of_memory(folder))]
    elif isinstance(told, dict):
        return error_class(told["exit_code"])([_from_dict(fault) for fault in told["faults"]])
    else:
        faults = [full_disk(folder, known=ending.code == NO_ROOM) or _died(who, ending, _short_of_memory(folder))]
    with contextlib.suppress(StageFailed):  # a disk that is full must not hide what went wrong
        write_json(folder / "failure.json", {"exit_code": 1, "faults": [as_dict(fault) for fault in faults]})
    return StageFailed(faults)


def leave(store: Store, want: Want, resources: Mapping[str, Any], error: DrdoError) -> None:
    """Leave why a stage failed where `status` and `doctor` look, unless its child has: pulls and damaged inputs."""
    folder = store.partial_path(want.artifact)
    if isinstance(error, Refused) or (folder / "failure.json").exists():  # refused: another's child works there
        return
    told = {"exit_code": error.exit_code, "faults": [as_dict(fault) for fault in error.faults]}
    with contextlib.suppress(StageFailed, OSError):  # a disk that is full must not hide what went wrong
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "job.json").exists():
            job = job_for(want, folder, store, resources, offline=False, spent=0.0)
            write_json(folder / "job.json", asdict(job))
        write_json(folder / "failure.json", told)
        if not (folder / "log.txt").exists():  # where nothing ran, whoever looks there finds this
            (folder / "log.txt").write_text(f"{type(error).__name__}: {error}\n", encoding="utf-8")


def _from_dict(fault: Mapping[str, Any]) -> Fault:
    """Return a child's fault; its place, which came as text, goes before the message."""
    place = f"{fault['where']}: " if fault.get("where") else ""
    return Fault(fault["code"], place + fault["message"], None, fault.get("hint"))


def _hung(name: str, folder: Path, known: str, resources: Mapping[str, Any]) -> Fault:
    progress = read_json(folder / "progress.json") or {}
    begun = "step" in progress
    at = f"after {progress.get('unit', 'step')} {progress['step']:,}" if begun else "before its first step"
    detail = f" ({known})" if known else ""
    minutes = resources["timeout_minutes"]
    return Fault(
        "hung",
        f"`{name}` showed no progress for {minutes:g} minutes {at}{detail} and was ended",
        hint=f"what its processes were at is at the end of `{folder / 'log.txt'}`; run the same command to go on from "
        "what it saved, and raise `resources.timeout_minutes` if it is only slow",
    )


def _short_of_memory(folder: Path) -> str | None:
    """Return what the end of the log says of memory that was not to be had; None where it says nothing of it."""
    return next((said for said in reversed(launch.log_tail(folder / "log.txt", LAST)) if NO_MEMORY.search(said)), None)


def _died(who: str, ending: Ending, memory: str | None) -> Fault:
    if memory is not None:
        return Fault("out-of-memory", f"{who} ran out of memory: {memory.strip()[:300]}", hint=OUT_OF_MEMORY)
    return Fault("stage-died", f"{who} ended with exit code {ending.code} and did not say why")


def _killed(who: str, number: int, memory: str | None) -> Fault:
    try:
        signal_name = Signals(number).name
    except ValueError:
        signal_name = "unknown"
    perhaps = f"perhaps the machine ran out of memory: {OUT_OF_MEMORY}"
    likely = number in (9, 7) or memory is not None
    return Fault("killed", f"{who} was killed by signal {number} ({signal_name})", hint=perhaps if likely else None)
