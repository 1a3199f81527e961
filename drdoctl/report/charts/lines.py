"""Curves over steps or temperatures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drdoctl.report.charts.frame import SMALL, Sheet, figure, frame, legend, marker
from drdoctl.report.charts.scales import Scale, round_scale, tight_scale
from drdoctl.report.palette import DASHES, METHODS, Style

MOST = 8
"""More curves are drawn thinner."""
Point = tuple[float, float | None]


@dataclass(frozen=True)
class Line:
    """One named curve; a y of None breaks it."""

    name: str
    points: Sequence[Point]
    style: Style | None = None
    """Without it, by the line's place in the chart."""
    is_faint: bool = False
    """Whether it stands behind the others, as one seed behind the mean of all; the legend leaves it out."""
    end: float | None = None
    """What was measured after the last point, otherwise than they were: a marker at the right edge."""


def line_chart(
    title: str,
    lines: Sequence[Line],
    x_name: str = "step",
    y_range: tuple[float, float] | None = None,
    *,
    sheet: Sheet = SMALL,
    named: bool = True,
) -> str:
    """Return a `<figure>` with one curve a line, "" where no curve has a point.

    `y_range` makes charts comparable; `named=False` leaves the legend to the page.
    """
    lines = [line for line in lines if line.end is not None or _known(line)]
    if not any(_known(line) for line in lines):
        return ""
    across = [point[0] for line in lines for point in line.points]
    up = [value for line in lines for value in (*_known(line), line.end) if value is not None]
    low, high = y_range or (min(up), max(up))
    x = tight_scale(min(across), max(across), *sheet.across)
    y = round_scale(low, high, *sheet.up)
    body = frame(sheet, x, y, x_name)
    told, entries = [], {}
    thin = " thin" if sum(not line.is_faint for line in lines) > MOST else ""
    for place, line in enumerate(lines):
        style = line.style or Style(place % METHODS, place % len(DASHES))
        weight = " faint" if line.is_faint else thin
        body.append(f'<path class="line{weight} {style.classes}" {style.stroke}d="{_path(line.points, x, y)}"/>')
        if line.is_faint:
            continue
        entries[line.name] = style
        told.append(_said(line))
        if line.end is not None:
            body.append(marker(style, x.at(max(across)), y.at(line.end)))
    return figure(sheet, title, f"{title}: {'; '.join(told)}", body, legend(entries) if named else "")


def _known(line: Line) -> list[float]:
    return [value for _, value in line.points if value is not None]


def _said(line: Line) -> str:
    known, end = _known(line), "" if line.end is None else f"measured {line.end:.4g}"
    curve = f"from {known[0]:.4g} to {known[-1]:.4g}" if known else ""
    return f"{line.name} {', '.join(text for text in (curve, end) if text)}"


def _path(points: Sequence[Point], x: Scale, y: Scale) -> str:
    parts, pen = [], "M"
    for across, up in points:
        if up is None:
            pen = "M"
            continue
        parts.append(f"{pen}{x.at(across):.1f} {y.at(up):.1f}")
        pen = "L"
    return "".join(parts)


def smooth(points: Sequence[Point], window: int) -> list[Point]:
    """Return the points with each y the mean of the known ones among the `window` around it; gaps stay gaps."""
    reach, found = window // 2, []
    for place, (across, up) in enumerate(points):
        near = [value for _, value in points[max(0, place - reach) : place + reach + 1] if value is not None]
        found.append((across, None if up is None else sum(near) / len(near)))
    return found
