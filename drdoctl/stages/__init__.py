"""Stages: one file a stage. `want` says what it needs and what it reads from the spec, `run` does it in a child.

Nothing at module level imports torch, transformers, datasets or deepspeed: `run` does, in the child.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from drdoctl.core.fingerprint import artifact_name, digest
from drdoctl.core.words import ORACLE, STAGES

KINDS = STAGES


@dataclass(frozen=True)
class Want:
    """A stage that the spec asks for, named by everything that can change its result."""

    kind: str
    version: int
    """The stage's code version: raise it when the same settings give other results."""
    settings: Mapping[str, Any]
    """The slice of the spec that the stage reads: dotted key -> plain value."""
    inputs: Mapping[str, Want] = field(default_factory=dict)
    """Role -> the stage whose artifact is read."""
    externals: Mapping[str, str] = field(default_factory=dict)
    """What lies outside the store -> hash of its content, such as `student.model` or `data.source`."""
    label: str = ""
    """Tells stages of one kind apart: `drdo`, `member-1`. Not part of the fingerprint."""
    locations: Mapping[str, Any] = field(default_factory=dict)
    """Where the externals are found (paths, Hub ids). Not part of the fingerprint."""
    warnings: tuple[str, ...] = ()
    """What is allowed but doubtful; stamped on the figures it touches."""
    asked_by: tuple[str, ...] = ()
    """Labels of the combinations that rest on the stage. Not part of the fingerprint."""
    sizes: Mapping[str, Any] = field(default_factory=dict)
    """What estimates rest on: rows, bytes, model configurations. Not part of the fingerprint."""

    @property
    def id(self) -> str:
        """Return the name in the plan: `align[drdo]`."""
        return f"{self.kind}[{self.label}]" if self.label else self.kind

    @cached_property
    def fingerprint(self) -> str:
        """Return the sha256 over kind, version, settings, inputs and externals: a Merkle chain."""
        return digest(
            {
                "kind": self.kind,
                "version": self.version,
                "settings": dict(self.settings),
                "inputs": {role: want.fingerprint for role, want in self.inputs.items()},
                "externals": dict(self.externals),
            },
        )

    @property
    def artifact(self) -> str:
        """Return the folder's name in the store: `align-0be77af4c1d2`."""
        return artifact_name(self.kind, self.fingerprint)

    def judge(self, name: str) -> tuple[Want | None, str | None, str | None] | None:
        """Return what one of an evaluation's judges is: its stage, what lies outside the store, and its arithmetic.

        None where the name is no reward model's: the truth, a language model, or a judge that is not asked.
        """
        role, section = (name, name) if name == ORACLE else (f"judge-{name}", f"judges.{name}")
        made, outside = self.inputs.get(role), self.externals.get(f"{section}.model")
        if made is None and outside is None:
            return None
        return made, outside, self.settings.get(f"{section}.dtype")

    def walk(self) -> Iterator[Want]:
        """Yield this stage and all it rests on, inputs first."""
        for want in self.inputs.values():
            yield from want.walk()
        yield self


@dataclass(frozen=True)
class Job:
    """What a child process is told: the whole of it lies in `<partial>/job.json`."""

    kind: str
    id: str
    artifact: str
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    """Role -> path of the input artifact's folder."""
    locations: Mapping[str, Any]
    resources: Mapping[str, Any]
    """The spec's `resources`, plain."""
    out: str
    """The `.partial` folder: everything written here becomes the artifact, but for `core.files.WORK_FILES`."""
    warnings: tuple[str, ...] = ()
    offline: bool = False
    parent: int = 0
    """Process id of the apply; when it is gone, the child ends itself."""
    ticket: str = ""
    """Random, and on the child's command line too: one with another ticket was started by an apply that is no more."""
    fingerprint: str = ""
    """The want's full fingerprint: a folder in progress is only gone on with where this is the same."""
    spent: float = 0.0
    """Seconds that earlier, interrupted runs of this stage took."""
    externals: Mapping[str, str] = field(default_factory=dict)
    """As in `Want`: what the things at `locations` must hold."""

    def path(self, *parts: str) -> Path:
        """Return a path inside the folder in progress."""
        return Path(self.out, *parts)

    def input(self, role: str) -> Path:
        """Return the folder of an input artifact."""
        return Path(self.inputs[role])

    def section(self, prefix: str) -> dict[str, Any]:
        """Return the settings below a dotted prefix: `section("train")["learning_rate"]`."""
        head = prefix + "."
        return {key[len(head) :]: value for key, value in self.settings.items() if key.startswith(head)}

    @classmethod
    def read(cls, path: Path) -> Job:
        """Read `job.json`."""
        data = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**data, "warnings": tuple(data["warnings"])})


def flatten(value: Any, prefix: str) -> dict[str, Any]:
    """Return a nested mapping as dotted keys. Lists and empty mappings stay whole."""
    if not isinstance(value, Mapping) or not value:
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, item in value.items():
        flat.update(flatten(item, f"{prefix}.{key}"))
    return flat
