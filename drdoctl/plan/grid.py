"""A matrix as a plan shows it: its axes, which stages each combination ends in, and what `select` chooses by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from drdoctl.evals import Measure
from drdoctl.spec.grid import places
from drdoctl.spec.matrix import combinations, value_text
from drdoctl.spec.model import Spec
from drdoctl.spec.rules_select import matching
from drdoctl.stages import Want


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
class Choice:
    """The figure that `select` chooses by, every field of it known."""

    metric: str
    against: str | None
    judge: str | None
    temperature: float | None
    goal: str


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


def grid_of(spec: Spec, wants: Sequence[Want]) -> Grid | None:
    """Return the grid of a spec's matrix, or None where it has none. `wants`: as `compile` returns them."""
    if not spec.matrix:
        return None
    students = {label: want.id for want in wants if want.kind == "align" for label in want.asked_by}
    made = set(students.values())
    measured = {
        label: want.id
        for want in wants
        if want.kind == "evaluate" and "policy" in want.inputs and want.inputs["policy"].id in made
        for label in want.asked_by
    }
    combos = combinations(spec)
    cells = tuple(
        Cell(at.label, at.seed, at.setting, at.group, at.values, students.get(at.label), measured.get(at.label))
        for at in places(spec, combos)
    )
    axes = {axis: [value_text(value) for value in values] for axis, values in spec.matrix.items()}
    over = tuple(spec.select.over) if spec.select is not None else ()
    return Grid(
        axes, cells, _choice(spec, [measure for one in combos[0].spec.evaluate for measure in one.measures()]), over
    )


def _choice(spec: Spec, given: Sequence[Measure]) -> Choice | None:
    """Return what is chosen by; `check` has seen to it that there is exactly one such figure."""
    if spec.select is None:
        return None
    (meant,) = matching(spec.select, given)
    goal = spec.select.goal or meant.best
    return Choice(meant.metric, meant.against, meant.judge, meant.temperature, goal)
