"""Which student of each group `select` picks: by the mean of a validation figure over seeds, and by nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drdoctl.core.choice import best, is_meant, mean
from drdoctl.core.labels import called
from drdoctl.core.parts import Model
from drdoctl.core.words import TEST, VALIDATION

if TYPE_CHECKING:
    from drdoctl.plan.types import Grid
    from drdoctl.report.rows import FigureRow, StudentRow
    from drdoctl.spec.choice import Choice


class CandidateRow(Model):
    """One setting of a group."""

    setting: str
    """Such as `dpo,learning_rate=0.001`."""
    values: dict[str, Any]
    """Key of `select.over` -> the value here."""
    students: list[str]
    """Labels, one a seed."""
    validation: float | None
    """What it is chosen by: the mean over seeds of the validation figure; null where a seed has none."""
    per_seed: list[float | None]
    """One a seed."""
    test: float | None
    """The same mean on test prompts, which has no part in the choice."""
    picked: bool
    """Whether it stands for its group."""


class GroupRow(Model):
    """Settings that agree in all but what is chosen."""

    group: str
    """Such as `dpo`."""
    metric: str
    """What is chosen by."""
    against: str | None
    """Its baseline, or null."""
    judge: str | None
    """Its judge, or null."""
    temperature: float | None
    """Of its samples, or null."""
    goal: str
    """`max` or `min`."""
    unit: str
    """Of the figure, such as `share`; "" where no student has it yet."""
    over: list[str]
    """What is chosen."""
    candidates: list[CandidateRow]
    """In the spec's order."""
    picked: str | None
    """The best setting, the first of equals; null while one of them is not evaluated, or where none has the figure."""


def selection(grid: Grid | None, students: Sequence[StudentRow]) -> list[GroupRow]:
    """Return the groups of a grid with what is picked of each; [] where nothing is chosen."""
    if grid is None or grid.select is None:
        return []
    rows = {row.stage: row for row in students}
    groups: dict[str, dict[str, list[Any]]] = {}
    for cell in grid.cells:
        groups.setdefault(str(cell.group), {}).setdefault(called(cell.setting), []).append(cell)
    return [_group(name, settings, grid.select, list(grid.over), rows) for name, settings in groups.items()]


def _group(
    name: str, settings: Mapping[str, Sequence[Any]], by: Choice, over: list[str], rows: Mapping[str, StudentRow]
) -> GroupRow:
    found, figures = [], []
    for setting, cells in settings.items():
        there = [rows[cell.evaluation] for cell in cells if cell.evaluation in rows]
        chosen_by = [_figure(row, by, VALIDATION) for row in there]
        figures += [figure for figure in chosen_by if figure is not None]
        values = [_value(figure) for figure in chosen_by]
        found.append(
            CandidateRow(
                setting=setting,
                values=dict(cells[0].values),
                students=[row.label for row in there],
                validation=mean(values),
                per_seed=values,
                test=mean([_value(_figure(row, by, TEST)) for row in there]),
                picked=False,
            )
        )
    whole = all(len(row.students) == len(settings[row.setting]) for row in found)
    picked = best({row.setting: row.validation for row in found}, by.goal) if whole else None
    return GroupRow(
        group=name,
        metric=by.metric,
        against=by.against,
        judge=by.judge,
        temperature=by.temperature,
        goal=by.goal,
        unit=figures[0].unit if figures else "",
        over=over,
        candidates=[row.model_copy(update={"picked": row.setting == picked}) for row in found],
        picked=picked,
    )


def _value(figure: FigureRow | None) -> float | None:
    return figure.value if figure is not None else None


def _figure(row: StudentRow, by: Choice, part: str) -> FigureRow | None:
    return next((one for one in row.figures if is_meant(vars(one), vars(by), part)), None)
