"""One stage as its files show it, whatever its state: what findings look at, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from drdoctl.core.files import read_json
from drdoctl.core.fingerprint import file_sha256
from drdoctl.core.metrics import read_metrics
from drdoctl.doctor.window import Window
from drdoctl.store.artifact import PARTIAL

Severity = Literal["fault", "warning", "note"]
"""`fault`: the result is not what was asked for; `warning`: it may not be; `note`: worth knowing, nothing to mend."""
FEW_STEPS = 8
"""Of fewer steps nothing is said: their means are those of single batches."""
LOG = "metrics.jsonl"
RESULTS = ("report.json", "stats.json", "figures.json")
"""What stages find out, written at their end: it counts once it is committed."""
TRAINING = {"sft": "student.sft", "oracle": "oracle", "align": "train"}
"""Kind of stage that trains -> where its training settings are."""
USUAL = 0.7
"""The temperature whose figures stand for a student wherever it was sampled at it, here and in the report."""


@dataclass(frozen=True)
class Evidence:
    """Numbers, and where they were read."""

    file: str
    """Artifact and file, such as `align-0be77af4c1d2/metrics.jsonl`."""
    values: Mapping[str, float | int | str | None]
    """Name as in the file (or of what was computed from it) -> value."""
    steps: tuple[int, int] | None = None
    """First and last step that the values are means over."""


@dataclass(frozen=True)
class Finding:
    """What is seen in a stage, what to change, and on which numbers it rests."""

    severity: Severity
    message: str
    """A lower-case sentence without a full stop."""
    advice: str
    """What to change, as concretely as can be known."""
    evidence: tuple[Evidence, ...]


@dataclass
class Case:
    """A stage, what it was made from and what was made from it."""

    id: str
    kind: str
    artifact: str
    folder: Path
    """The artifact, or the folder in progress."""
    state: str = "done"
    """`done`, `running`, `interrupted` or `failed`."""
    asked: bool = False
    """Whether it is among the stages that are examined, and not only evidence for them."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    inputs: dict[str, Case] = field(default_factory=dict)
    """Role -> the stage that was read, where its files are there."""
    readers: list[tuple[str, Case]] = field(default_factory=list)
    """Role and stage of what read this one."""
    files: Mapping[str, Mapping[str, Any]] | None = None
    """Name -> sha256 and size of each file as it was committed; None of a stage in progress."""
    _documents: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def damaged(self) -> tuple[str, ...]:
        """Files that findings read and that are not as they were committed: nobody looks into them."""
        listed = self.files or {}
        return tuple(name for name in (LOG, *RESULTS) if name in listed and not self._holds(name, listed[name]))

    def _holds(self, name: str, fact: Mapping[str, Any]) -> bool:
        path = self.folder / name
        return path.is_file() and path.stat().st_size == fact["size"] and file_sha256(path) == fact["sha256"]

    @cached_property
    def lines(self) -> list[dict[str, Any]]:
        """The lines of `metrics.jsonl`, one a step."""
        return [] if LOG in self.damaged else read_metrics(self.folder / LOG)

    @property
    def start(self) -> Window | None:
        """The first tenth of the steps; None of too few."""
        return Window(self.lines[: len(self.lines) // 10 or 1]) if len(self.lines) >= FEW_STEPS else None

    @property
    def end(self) -> Window | None:
        """The last quarter of the steps so far; None of too few."""
        return Window(self.lines[-(len(self.lines) // 4) :]) if len(self.lines) >= FEW_STEPS else None

    def document(self, name: str) -> dict[str, Any]:
        """Return a JSON file of the stage; {} where it is not there, damaged, or a result that is not committed yet."""
        if name not in self._documents:  # a dozen findings ask for the same few
            early = name in RESULTS and self.in_progress
            found = None if early or name in self.damaged else read_json(self.folder / name)
            self._documents[name] = found if isinstance(found, dict) else {}
        return self._documents[name]

    @property
    def in_progress(self) -> bool:
        """Whether the folder is one that is still worked in."""
        return self.folder.name.endswith(PARTIAL)

    def training(self, name: str) -> Any:
        """Return a training setting of this stage, such as `learning_rate`; None where it has none."""
        return self.settings.get(f"{TRAINING.get(self.kind, '')}.{name}")

    def place(self, name: str) -> str:
        """Return how a file of this stage is named in evidence."""
        return f"{self.folder.name}/{name}"

    def seen(self, name: str, values: Mapping[str, float | int | str | None]) -> Evidence:
        """Return evidence from a file of this stage."""
        return Evidence(self.place(name), values)

    def logged(self, window: Window, *names: str, **derived: float | None) -> Evidence:
        """Return means over some steps as evidence, and numbers made from them."""
        values: dict[str, float | int | str | None] = {name: window.mean(name) for name in names}
        return Evidence(self.place(LOG), values | derived, (window.first, window.last))

    def figures(self, metric: str, **where: Any) -> list[dict[str, Any]]:
        """Return an evaluation's known figures of a metric, those nearest the usual temperature first."""
        found = [
            one
            for one in self.document("figures.json").get("figures", ())
            if one["metric"] == metric and one["value"] is not None and all(one.get(k) == v for k, v in where.items())
        ]
        return sorted(found, key=lambda one: abs((one.get("temperature") or 0.0) - USUAL))

    def figure(self, metric: str, **where: Any) -> dict[str, Any] | None:
        """Return the first of these, or None."""
        return next(iter(self.figures(metric, **where)), None)

    def evaluations(self) -> list[Case]:
        """Return the evaluations of this student, those that are examined before those of other specs."""
        found = [case for role, case in self.readers if role == "policy" and case.kind == "evaluate"]
        return sorted(found, key=lambda case: not case.asked)
