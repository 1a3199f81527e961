"""Plan, PlannedStage, Reason, Estimate: plain and frozen, and the same document for screen and JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from drdoctl.stages import Want

if TYPE_CHECKING:
    from drdoctl.spec.choice import Choice

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
    """Why a stage has its action. `code`: done, new, settings, input, external, version, interrupted, zoo, damaged."""

    code: str
    text: str
    changed: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """What a stage will take. Zero: nothing of the kind; None: nothing to base it on."""

    steps: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: float | None = None
    memory_gib: float = 0.0
    disk_gib: float = 0.0
    memory: Mapping[str, float] = field(default_factory=dict)
    """GiB at the peak by what it is for; empty where nothing is known of the model."""
    basis: str | None = None
    """What the seconds rest on: `earlier` stages of the store, a `given` speed, an `assumed` one, or nothing."""
    cost: float | None = None
    """Money: for the hours, where `resources.price_per_hour` is given and the seconds are known, and for the judge."""
    judge: Mapping[str, Any] | None = None
    """What a language model is asked: `models`, `requests`, `tokens_in`, `tokens_out`, and `cost` where it has a price;
    None where none is asked."""
    nominal_seconds: float = 0
    """Seconds on the nominal machine: what later plans compare with. Not in the plan's JSON."""
    likeness: Mapping[str, Any] = field(default_factory=dict)
    """How the stage is run, as far as its speed depends on it. Not in the plan's JSON."""

    def as_dict(self) -> dict[str, Any]:
        """Return the estimate as the plan's JSON has it."""
        found = asdict(self)
        absent = [name for name in ("cost", "judge") if found[name] is None]
        for name in ("nominal_seconds", "likeness", *absent):
            del found[name]
        return found


@dataclass(frozen=True)
class Fit:
    """Stages that need more than `resources.memory_gib`, and the smallest single change that helps."""

    memory_gib: float
    """What one process has."""
    stages: tuple[str, ...]
    """What does not fit, the largest first."""
    needs_gib: float
    """Of the largest."""
    sets: tuple[str, ...]
    """`--set` values that make all stages fit; where none do, those that come nearest."""
    then_gib: float
    """What the largest stage needs with them."""

    @property
    def fits(self) -> bool:
        """Whether the change is enough."""
        return self.then_gib <= self.memory_gib

    def as_dict(self) -> dict[str, Any]:
        """Return it as the plan's JSON has it."""
        return {**asdict(self), "stages": list(self.stages), "sets": list(self.sets), "fits": self.fits}


@dataclass(frozen=True)
class Cell:
    """One combination of the matrix."""

    label: str
    seed: int
    setting: str
    """What combinations that differ in the seed alone share."""
    group: str | None
    """What combinations that `select` compares share; None without `select`."""
    values: Mapping[str, Any]
    """Key of `select.over` -> the value here."""
    student: str | None
    """Id of the stage that makes the student."""
    evaluation: str | None
    """Id of the stage that measures it."""


@dataclass(frozen=True)
class Grid:
    """A matrix and its combinations."""

    axes: Mapping[str, Sequence[str]]
    """Dotted key -> its values as short texts."""
    cells: tuple[Cell, ...]
    """In the spec's order, the first axis slowest."""
    select: Choice | None = None
    over: tuple[str, ...] = field(default=())
    """What is chosen."""

    def as_dict(self) -> dict[str, Any]:
        """Return the grid as the plan's JSON has it."""
        return {
            "axes": {axis: list(values) for axis, values in self.axes.items()},
            "students": [asdict(cell) for cell in self.cells],
            "select": {**asdict(self.select), "over": list(self.over)} if self.select is not None else None,
        }


@dataclass(frozen=True)
class PlannedStage:
    """One stage with what will be done about it."""

    want: Want
    action: Action
    reason: Reason
    estimate: Estimate
    pairs: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Of a data stage that is done: part -> its pairs' statistics, for all rows and after each step of the split."""
    done: float = 0.0
    """Of a stage that goes on: the share of its steps that is done. The estimate is of all of it."""

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
            "estimate": self.estimate.as_dict(),
            "externals": dict(self.want.externals),
            "warnings": list(self.want.warnings),
            **(
                {"pairs": {part: [dict(row) for row in rows] for part, rows in self.pairs.items()}}
                if self.pairs
                else {}
            ),
            **({"done": self.done} if self.done else {}),
            **({"publishes": self.want.settings["publish.name"]} if self.want.kind == "publish" else {}),
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
    fit: Fit | None = None
    """What does not fit into `resources.memory_gib`, where that is given."""
    text: str = ""
    """The spec's file as it was written. Not in the plan's JSON."""
    assumes: str | None = None
    """The speed that seconds rest on, where no earlier stages tell: `240 GFLOP/s in each process`."""
    grid: Grid | None = None
    """The matrix and its combinations, where there is one."""

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
            **({"fit": self.fit.as_dict()} if self.fit is not None else {}),
            **({"assumes": self.assumes} if self.assumes is not None else {}),
            **({"grid": self.grid.as_dict()} if self.grid is not None else {}),
        }
