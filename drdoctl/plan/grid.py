"""A matrix as a plan shows it: its axes, which stages each combination ends in, and what `select` chooses by."""

from __future__ import annotations

from collections.abc import Sequence

from drdoctl.plan.types import Cell, Grid
from drdoctl.spec.choice import choice_of
from drdoctl.spec.grid import places
from drdoctl.spec.matrix import combinations, value_text
from drdoctl.spec.model import Spec
from drdoctl.stages import Want


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
    return Grid(axes, cells, choice_of(combos[0].spec), over)
