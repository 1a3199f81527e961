"""Results over seeds: what one setting gives when everything random is drawn anew, and by how much two settings differ.

An interval over prompts says nothing of other seeds. These are over seeds: a mean of one number a seed, with Student's
t, as few seeds as there are. They say nothing of fewer or more prompts, of which each seed's own figures tell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from drdoctl.core.labels import called, parts
from drdoctl.core.parts import Model
from drdoctl.core.student_t import interval, p_value

if TYPE_CHECKING:
    from drdoctl.plan.types import Plan
    from drdoctl.report.head_to_head import Difference
    from drdoctl.report.rows import FigureRow, StudentRow

KEY = ("metric", "against", "judge", "temperature", "part")
"""What tells one figure of a student from another."""


class SeedFigure(Model):
    """One figure over seeds."""

    metric: str
    """Such as `win_rate`."""
    against: str | None
    """The baseline, or null."""
    judge: str | None
    """Who judged, or null."""
    temperature: float | None
    """Of the samples, or null."""
    part: str | None
    """`validation` or `test` where students are chosen, else null."""
    unit: str
    """Such as `share`."""
    values: list[float | None]
    """One a seed, in the order of `seeds`; null where it could not be measured."""
    mean: float | None
    """Of the values there are."""
    sd: float | None
    """Their standard deviation over seeds (n - 1)."""
    low: float | None
    """Lower end of the 95 % t-interval of the mean over seeds."""
    high: float | None
    """Upper end."""
    count: int
    """Seeds with a value."""
    warnings: list[str]
    """Stamps of any of them."""


class SettingRow(Model):
    """Students that differ in the seed alone."""

    label: str
    """Such as `dpo,learning_rate=0.001`."""
    seeds: list[int]
    """In the spec's order."""
    students: list[str]
    """Labels, in that order."""
    figures: list[SeedFigure]
    """In the order of the first student's."""


class SeedDifference(Model):
    """Two settings: the first minus the second, students of one seed compared on the same prompts."""

    first: str
    """Setting."""
    second: str
    """Setting."""
    judge: str
    """`truth`, `oracle`, or a judge's name."""
    sampling: str
    """Such as `t0.7-p0.8-n256`."""
    temperature: float | None
    """Of the samples."""
    seeds: list[int]
    """Those that both have."""
    values: list[float]
    """Mean difference in reward of each seed."""
    mean: float
    """Over seeds."""
    sd: float | None
    """Over seeds."""
    low: float | None
    """Lower end of the 95 % t-interval over seeds."""
    high: float | None
    """Upper end."""
    p: float | None
    """Two-sided p-value of the paired t-test over seeds."""
    win_rates: list[float]
    """Share of prompts that the first wins, of each seed."""
    win_rate: float
    """Mean over seeds."""
    win_low: float | None
    """Lower end of its 95 % t-interval over seeds."""
    win_high: float | None
    """Upper end."""
    warnings: list[str]
    """Stamps of any of them."""


def members(plan: Plan, students: Sequence[StudentRow]) -> dict[str, dict[int, StudentRow]]:
    """Return setting -> seed -> the student there is; start models first, a start model of all seeds not among them."""
    found: dict[str, dict[int, StudentRow]] = {}
    if plan.grid is None:
        return found
    rows = {row.stage: row for row in students}
    seed_of = {cell.label: cell.seed for cell in plan.grid.cells}
    own = {cell.evaluation for cell in plan.grid.cells}
    for stage in plan.stages:
        want, seeds = stage.want, {seed_of[label] for label in stage.want.asked_by if label in seed_of}
        if want.id in rows and want.id not in own and len(seeds) == 1:
            label = ",".join(part for part in parts(want.label) if not part.startswith("seed="))
            found.setdefault(label, {})[seeds.pop()] = rows[want.id]
    for cell in plan.grid.cells:
        if cell.evaluation in rows:
            found.setdefault(called(cell.setting), {})[cell.seed] = rows[cell.evaluation]
    return found


def several_seeds(plan: Plan) -> dict[str, int]:
    """Return the label of an evaluation -> its seed, where the matrix has several seeds; else {}."""
    cells = plan.grid.cells if plan.grid is not None else ()
    if len({cell.seed for cell in cells}) < 2:
        return {}
    labels = {stage.want.id: stage.want.label for stage in plan.stages}
    return {labels[cell.evaluation]: cell.seed for cell in cells if cell.evaluation is not None}


def over_seeds(found: Mapping[str, Mapping[int, StudentRow]]) -> list[SettingRow]:
    """Return the settings that have several seeds, with every figure that any of their students has."""
    return [
        SettingRow(
            label=label,
            seeds=list(by_seed),
            students=[row.label for row in by_seed.values()],
            figures=list(_figures(list(by_seed.values()))),
        )
        for label, by_seed in found.items()
        if len(by_seed) > 1
    ]


def _figures(students: Sequence[StudentRow]) -> Iterator[SeedFigure]:
    tables = [{_key(figure): figure for figure in reversed(row.figures)} for row in students]
    for key in dict.fromkeys(_key(figure) for row in students for figure in row.figures):
        there = [table[key] for table in tables if key in table]
        values = [table[key].value if key in table else None for table in tables]
        known = [value for value in values if value is not None]
        first = there[0]
        low, high = _ends(known, is_share=first.unit == "share")
        yield SeedFigure(
            metric=first.metric,
            against=first.against,
            judge=first.judge,
            temperature=first.temperature,
            part=first.part,
            unit=first.unit,
            values=values,
            mean=fmean(known) if known else None,
            sd=_sd(known),
            low=low,
            high=high,
            count=len(known),
            warnings=list(dict.fromkeys(text for figure in there for text in figure.warnings)),
        )


def _key(figure: FigureRow) -> tuple[Any, ...]:
    return tuple(getattr(figure, name) for name in KEY)


def _sd(values: Sequence[float]) -> float | None:
    return stdev(values) if len(values) > 1 else None


def _ends(values: Sequence[float], *, is_share: bool = False) -> tuple[float | None, float | None]:
    """Return the t-interval; that of shares ends where shares end, at 0 and 1, of which Student's t knows nothing."""
    low, high = interval(values) or (None, None)
    if is_share and low is not None and high is not None:
        return max(0.0, low), min(1.0, high)
    return low, high


def differences_over_seeds(
    found: Mapping[str, Mapping[int, StudentRow]], differences: Sequence[Difference]
) -> list[SeedDifference]:
    """Return the pairs of settings that share several seeds, from the differences of the students of each seed."""
    setting = {row.label: label for label, by_seed in found.items() for row in by_seed.values()}
    groups: dict[tuple[str, str, str, str], list[Difference]] = {}
    for row in differences:
        first, second = setting.get(row.first), setting.get(row.second)
        if row.seed is not None and first is not None and second is not None:
            groups.setdefault((first, second, row.judge, row.sampling), []).append(row)
    made = []
    for (first, second, judge, sampling), rows in groups.items():
        if len(rows) < 2:
            continue
        values, wins = [row.mean for row in rows], [row.win_rate for row in rows]
        (low, high), (win_low, win_high) = _ends(values), _ends(wins, is_share=True)
        made.append(
            SeedDifference(
                first=first,
                second=second,
                judge=judge,
                sampling=sampling,
                temperature=rows[0].temperature,
                seeds=[row.seed for row in rows if row.seed is not None],
                values=values,
                mean=fmean(values),
                sd=_sd(values),
                low=low,
                high=high,
                p=p_value(values),
                win_rates=wins,
                win_rate=fmean(wins),
                win_low=win_low,
                win_high=win_high,
                warnings=list(dict.fromkeys(text for row in rows for text in row.warnings)),
            )
        )
    return made
