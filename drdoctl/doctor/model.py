"""What the doctor says as data: what `doctor --json` prints, and the findings of a report."""

from __future__ import annotations

from typing import Any, Literal

from drdoctl.core.parts import Model
from drdoctl.core.words import DIALECT
from drdoctl.doctor.case import Severity


class EvidenceRow(Model):
    """Numbers that a finding rests on, and where they were read."""

    file: str
    """Artifact and file, such as `align-0be77af4c1d2/metrics.jsonl`."""
    steps: list[int] | None
    """First and last step that the values are means over; null for files that are no logs."""
    values: dict[str, float | int | str | None]
    """Name -> value; null where it is not finite."""


class FindingRow(Model):
    """What is seen in a stage, and what to change."""

    code: str
    """Such as `chosen-falls`: the name of the file in `drdoctl/doctor/findings/`."""
    severity: Severity
    """`fault`: the result is not what was asked for; `warning`: it may not be; `note`: worth knowing."""
    stage: str
    """Stage id, such as `align[drdo]`."""
    artifact: str
    """Its artifact."""
    message: str
    """What is seen, in a sentence."""
    advice: str
    """What to change."""
    evidence: list[EvidenceRow]
    """On what it rests."""


class ExaminedRow(Model):
    """One stage that was looked at."""

    id: str
    """Stage id."""
    kind: str
    """Such as `align`."""
    artifact: str
    """Its artifact."""
    state: Literal["done", "running", "interrupted", "failed", "waiting"]
    """As `drdoctl status` has it; of a waiting stage there is nothing to see."""
    steps: int
    """Optimizer steps logged so far; 0 for stages that do not train."""


class Diagnosis(Model):
    """What the doctor sees in the stages of a spec, a run or an artifact."""

    format: Literal[1]
    """Version of this document."""
    store: str
    """The folder of artifacts."""
    stages: list[ExaminedRow]
    """What was looked at, in the plan's order."""
    findings: list[FindingRow]
    """By stage, in the same order; the worst first within a stage."""
    summary: dict[str, int]
    """How many findings of each severity."""


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a diagnosis."""
    made = Diagnosis.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, **made, "title": "drdoctl doctor"}
