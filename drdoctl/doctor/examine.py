"""From a store's files to a diagnosis: every finding looks at every stage of its kinds, whatever the stage's state."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

from drdoctl.core.files import read_json
from drdoctl.core.fingerprint import artifact_name
from drdoctl.core.parts import modules
from drdoctl.doctor.case import Case, Finding, Severity
from drdoctl.doctor.model import Diagnosis, EvidenceRow, ExaminedRow, FindingRow
from drdoctl.store.artifact import PARTIAL, Store
from drdoctl.store.folder import subfolders
from drdoctl.store.status import status

FINDINGS = "drdoctl.doctor.findings"
JOB = "job.json"
TOLD = {"kind": str, "id": str, "settings": dict, "inputs": dict}
"""What a job has to tell of its stage."""


@cache
def findings() -> dict[str, ModuleType]:
    """Return code -> module of every finding."""
    return {module.__name__.rpartition(".")[2].replace("_", "-"): module for module in modules(FINDINGS)}


def examine(store: Store, stages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the diagnosis (format 1) of some stages: `id`, `kind` and `artifact` of each, as a plan has them.

    What they were made from, and evaluations of their students, are read as evidence wherever the store has them.
    """
    known, found, seen = cases(store), [], []
    states = status(store, stages)["stages"]
    for stage in states:
        if (case := known.get(stage["artifact"])) is not None:
            case.id, case.state, case.asked = stage["id"], stage["state"], True
    for stage in states:
        case = known.get(stage["artifact"])
        if case is not None:
            found += [row for _, row in sorted(_told(case), key=lambda told: told[0])]
        steps = len(case.lines) if case is not None else 0
        seen.append(ExaminedRow(**{key: stage[key] for key in ("id", "kind", "artifact", "state")}, steps=steps))
    made = Diagnosis(
        format=1,
        store=str(store.root),
        stages=seen,
        findings=found,
        summary={name: sum(row.severity == name for row in found) for name in get_args(Severity)},
    )
    return made.model_dump(mode="json")


def look(case: Case) -> Iterator[tuple[str, Finding]]:
    """Yield code and finding of all that is seen in one stage."""
    for code, module in findings().items():
        if case.kind in module.KINDS:
            for finding in module.look(case):
                yield code, finding


def _told(case: Case) -> Iterator[tuple[int, FindingRow]]:
    for code, finding in look(case):
        evidence = [
            EvidenceRow(
                file=one.file,
                steps=list(one.steps) if one.steps else None,
                values={name: _plain(value) for name, value in one.values.items()},
            )
            for one in finding.evidence
        ]
        row = FindingRow(
            code=code,
            severity=finding.severity,
            stage=case.id,
            artifact=case.artifact,
            message=finding.message,
            advice=finding.advice,
            evidence=evidence,
        )
        yield get_args(Severity).index(finding.severity), row


def _plain(value: float | str | None) -> float | int | str | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def cases(store: Store) -> dict[str, Case]:
    """Return artifact -> case of all that lies in the store, complete or in progress, each joined to its inputs."""
    found: dict[str, Case] = {}
    roles: dict[str, dict[str, str]] = {}
    marks: dict[str, str] = {}
    for made in store.manifests():
        name = artifact_name(made["kind"], made["fingerprint"])
        marks[made["fingerprint"]] = name
        roles[name] = dict(made["inputs"])
        found[name] = Case(
            id=made["id"],
            kind=made["kind"],
            artifact=name,
            folder=store.path(name),
            settings=made["settings"],
            warnings=tuple(map(str, made["warnings"])),
            files=made["files"],
        )
    for folder in subfolders(store.artifacts):
        case = _in_progress(folder)
        if case is not None and case.artifact not in found:
            inputs = case.document(JOB)["inputs"]
            roles[case.artifact] = {role: Path(str(path)).name for role, path in inputs.items()}
            found[case.artifact] = case
    for name, inputs in roles.items():
        for role, mark in inputs.items():
            other = found.get(marks.get(mark, mark))
            if other is not None:
                found[name].inputs[role] = other
                other.readers.append((role, found[name]))
    return found


def _in_progress(folder: Path) -> Case | None:
    """Return the stage that a `.partial` folder holds, or None where its `job.json` does not tell."""
    if not folder.name.endswith(PARTIAL):
        return None
    job = read_json(folder / JOB)
    if not isinstance(job, dict) or not all(isinstance(job.get(key), kind) for key, kind in TOLD.items()):
        return None
    warnings = job.get("warnings")
    return Case(
        id=job["id"],
        kind=job["kind"],
        artifact=folder.name.removesuffix(PARTIAL),
        folder=folder,
        state="interrupted",
        settings=job["settings"],
        warnings=tuple(map(str, warnings if isinstance(warnings, list) else ())),
    )
