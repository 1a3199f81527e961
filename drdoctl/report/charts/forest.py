"""Values with their intervals, one a row: names and numbers are text of the page, so they stay legible on a phone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from drdoctl.report.charts.scales import Scale, round_scale
from drdoctl.report.markup import label, number_cell, text
from drdoctl.report.palette import Style


@dataclass(frozen=True)
class Mark:
    """One value with its interval."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None
    style: Style = field(default_factory=lambda: Style(0))
    told: str = ""
    """The number as it stands beside the drawing; without it, four digits of the value."""
    others: Sequence[float] = ()
    """Single values behind this one, such as one a seed."""
    is_marked: bool = False


def interval_chart(title: str, marks: Sequence[Mark], x_name: str, zero: float | None = None) -> str:
    """Return a `<figure>` with one dot and its interval a row, and a rule at `zero`; "" without marks."""
    if not marks:
        return ""
    ends = [end for mark in marks for end in (mark.value, mark.low, mark.high, *mark.others, zero) if end is not None]
    x = round_scale(min(ends), max(ends), 0, 100, 3)
    rows = "".join(_row(mark, x, zero) for mark in marks)
    scale = "".join(
        f'<text class="tick" x="{x.at(value):.2f}%" y="12" text-anchor="{_side(x.at(value))}">{x.label(value)}</text>'
        for value in x.marks
    )
    axis = f'<span class="bar scale"><svg aria-hidden="true">{scale}</svg></span>'
    return (
        f'<figure class="chart"><figcaption>{text(title)}</figcaption><div class="forest">{rows}'
        f'<span></span>{axis}<span class="unit">{text(x_name)}</span></div></figure>'
    )


def _side(at: float) -> str:
    return "start" if at < 1 else "end" if at > 99 else "middle"


def _row(mark: Mark, x: Scale, zero: float | None) -> str:
    kind = mark.style.classes
    body = [_upright("grid", x.at(value)) for value in x.marks]
    if zero is not None:
        body.append(_upright("axis", x.at(zero)))
    body += [f'<circle class="one {kind}" cx="{x.at(value):.2f}%" cy="50%" r="2.5"/>' for value in mark.others]
    if mark.low is not None and mark.high is not None:
        ends = f'x1="{x.at(mark.low):.2f}%" x2="{x.at(mark.high):.2f}%"'
        body.append(f'<line class="line {kind}" {ends} y1="50%" y2="50%"/>')
    body.append(f'<circle class="dot {kind}" cx="{x.at(mark.value):.2f}%" cy="50%" r="4"/>')
    state = " marked" if mark.is_marked else ""
    return (
        f'<span class="who{state}">{label(mark.name)}</span>'
        f'<span class="bar"><svg aria-hidden="true">{"".join(body)}</svg></span>'
        f'<span class="told">{number_cell(mark.told or f"{mark.value:.4g}")}</span>'
    )


def _upright(kind: str, at: float) -> str:
    return f'<line class="{kind}" x1="{at:.2f}%" x2="{at:.2f}%" y1="0" y2="100%"/>'
