"""Clouds of points: one quantity against another, with lines where both are nought or equal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drdoctl.report.charts.frame import NAMED, Sheet, figure, frame, legend, marker, spread
from drdoctl.report.charts.scales import Scale, tight_scale
from drdoctl.report.palette import Style

Range = tuple[float, float]


@dataclass(frozen=True)
class Cloud:
    """Points of one kind. Big points have a name and may have intervals; small ones are many."""

    name: str
    points: Sequence[tuple[float, float]]
    style: Style = field(default_factory=lambda: Style(0))
    is_big: bool = False
    across: Sequence[Range | None] = ()
    """Interval of each point's x."""
    up: Sequence[Range | None] = ()
    """Interval of each point's y."""
    is_joined: bool = False
    """Whether a line runs through the points."""


@dataclass(frozen=True)
class Axes:
    """The names of both axes, and what they must hold so that charts can be compared."""

    x_name: str
    y_name: str
    x_range: Range | None = None
    y_range: Range | None = None
    zeros: bool = False
    """Whether lines are drawn where x and y are nought."""
    diagonal: bool = False
    """Whether the line of equal x and y is drawn."""


def dot_chart(title: str, clouds: Sequence[Cloud], axes: Axes, told: str = "", sheet: Sheet = NAMED) -> str:
    """Return a `<figure>`; "" without points. `told` says in words what is to be seen."""
    points = [point for cloud in clouds for point in cloud.points]
    if not points:
        return ""
    x = tight_scale(*_range(axes.x_range, [at for at, _ in points], _ends(clouds, "across")), *sheet.across)
    y = tight_scale(*_range(axes.y_range, [at for _, at in points], _ends(clouds, "up")), *sheet.up)
    body = frame(sheet, x, y, axes.x_name, axes.y_name)
    body += _rules(axes, x, y)
    for cloud in clouds:
        body += _big(cloud, x, y) if cloud.is_big else _small(cloud, x, y)
    entries: Mapping[str, Style] = {cloud.name: cloud.style for cloud in clouds if cloud.points}
    words = told or "; ".join(f"{cloud.name}: {len(cloud.points)} points" for cloud in clouds)
    return figure(sheet, title, f"{title}: {words}", body, legend(entries, dots=True))


def _ends(clouds: Sequence[Cloud], which: str) -> list[float]:
    return [end for cloud in clouds for ends in getattr(cloud, which) if ends for end in ends]


def _range(given: Range | None, values: Sequence[float], ends: Sequence[float]) -> Range:
    low, high = given or spread([*values, *ends])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _rules(axes: Axes, x: Scale, y: Scale) -> list[str]:
    out = []
    if axes.zeros and x.low < 0 < x.high:
        out.append(_rule(x.at(0), y.start, x.at(0), y.end))
    if axes.zeros and y.low < 0 < y.high:
        out.append(_rule(x.start, y.at(0), x.end, y.at(0)))
    if axes.diagonal:
        low, high = max(x.low, y.low), min(x.high, y.high)
        if low < high:
            out.append(_rule(x.at(low), y.at(low), x.at(high), y.at(high)))
    return out


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="rule" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _small(cloud: Cloud, x: Scale, y: Scale) -> list[str]:
    # one path of zero-length strokes with round ends: a third of the bytes that circles take
    path = "".join(f"M{x.at(across):.1f} {y.at(up):.1f}h0" for across, up in cloud.points)
    return [f'<path class="cloud {cloud.style.classes}" d="{path}"/>'] if path else []


def _big(cloud: Cloud, x: Scale, y: Scale) -> list[str]:
    out, kind = [], cloud.style.classes
    if cloud.is_joined and len(cloud.points) > 1:
        path = "L".join(f"{x.at(across):.1f} {y.at(up):.1f}" for across, up in cloud.points)
        out.append(f'<path class="line {kind}" {cloud.style.stroke}d="M{path}"/>')
    for place, (across, up) in enumerate(cloud.points):
        at, height = x.at(across), y.at(up)
        for ends in cloud.across[place : place + 1]:
            if ends:
                low, high = (x.at(end) for end in ends)
                out.append(
                    f'<line class="line {kind}" x1="{low:.1f}" x2="{high:.1f}" y1="{height:.1f}" y2="{height:.1f}"/>'
                )
        for ends in cloud.up[place : place + 1]:
            if ends:
                low, high = (y.at(end) for end in ends)
                out.append(f'<line class="line {kind}" x1="{at:.1f}" x2="{at:.1f}" y1="{low:.1f}" y2="{high:.1f}"/>')
        out.append(marker(cloud.style, at, height))
    return out
