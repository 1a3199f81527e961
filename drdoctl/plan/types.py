"""Plan, PlannedStage, Reason, Estimate: plain and frozen, and the same document for screen and JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from drdoctl.stages import Want

FORMAT = 1
Action = Literal["reuse", "run", "resume", "rerun", "pull"]


@dataclass(frozen=True)
class Change:
    """One thing that moved since the artifact that this stage had before."""

    key: str
    old: Any
    new: Any


@dataclass(frozen=True)
class Reason:
    """Why a stage has its action. `code`: done, new, settings, input, external, version, interrupted, zoo."""

    code: str
    text: str
    changed: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """What a stage will take. Zero: nothing of the kind; None: nothing to base it on."""

    steps: int = 0
    tokens: int = 0
    flops: float = 0
    seconds: float | None = None
    memory_gib: float = 0
    disk_gib: float = 0


@dataclass(frozen=True)
class PlannedStage:
    """One stage with what will be done about it."""

    want: Want
    action: Action
    reason: Reason
    estimate: Estimate

    def as_dict(self) -> dict[str, Any]:
        """Return the stage as the plan's JSON has it."""
        return {
            "id": self.want.id,
            "kind": self.want.kind,
            "needs": [want.id for want in self.want.inputs.values()],
            "artifact": self.want.artifact,
            "fingerprint": self.want.fingerprint,
            "action": self.action,
            "reason": asdict(self.reason) | {"changed": [asdict(change) for change in self.reason.changed]},
            "estimate": asdict(self.estimate),
            "externals": dict(self.want.externals),
            "warnings": list(self.want.warnings),
        }


@dataclass(frozen=True)
class Plan:
    """The staged plan: inputs always before what needs them."""

    spec: dict[str, Any]
    """The resolved spec, plain."""
    stages: tuple[PlannedStage, ...]
    warnings: tuple[str, ...] = ()
    origin: dict[str, Any] = field(default_factory=dict)
    """Spec path and --set values, so that a saved plan can say where it came from."""

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON has it (`format` 1)."""
        actions = [stage.action for stage in self.stages]
        return {
            "format": FORMAT,
            "spec": self.spec,
            "stages": [stage.as_dict() for stage in self.stages],
            "summary": {action: actions.count(action) for action in ("reuse", "run", "resume", "rerun", "pull")},
            "warnings": list(self.warnings),
            "origin": self.origin,
        }
