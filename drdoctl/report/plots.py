"""Line and interval charts as inline SVG: no script, colours from the page's style sheet, a dash for each colour."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 10, 34
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 3", "10 4")
COLOURS = len(DASHES)
Point = tuple[float, float | None]


@dataclass(frozen=True)
class Line:
    """One named curve; a y of None breaks it."""

    name: str
    points: Sequence[Point]
    style: int | None = None
    """Which colour and dash; without it, the line's place in the chart."""


@dataclass(frozen=True)
class Mark:
    """One value with its interval."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Return about `count` round numbers from at or below `low` to at or above `high`."""
    span = high - low or abs(high) or 1.0
    raw = span / max(1, count - 1)
    unit = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * factor for factor in (1, 2, 2.5, 5, 10) if unit * factor >= raw * 0.999)
    first = math.floor(low / step + 1e-9)
    last = max(math.ceil(high / step - 1e-9), first + 1)
    return [index * step for index in range(first, last + 1)]


def _label(value: float, step: float) -> str:
    if value and (abs(value) >= 1e5 or step < 1e-3):
        return f"{value:.1e}".replace("e+0", "e").replace("e-0", "e-")
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    digits += 1 if round(step * 10**digits, 6) % 1 else 0
    return f"{value + 0.0:,.{digits}f}"


@dataclass(frozen=True)
class _Axis:
    """Values to positions: `low` lies at `start`, `high` at `end`; `marks` are round numbers between them."""

    low: float
    high: float
    start: float
    end: float
    marks: Sequence[float]
    step: float

    def at(self, value: float) -> float:
        """Return a value's position."""
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def label(self, value: float) -> str:
        """Return a mark's text."""
        return _label(value, self.step)


def _round_axis(low: float, high: float, start: float, end: float, count: int = 5) -> _Axis:
    """Return an axis that reaches out to the next round numbers."""
    marks = ticks(low, high, count)
    return _Axis(marks[0], marks[-1], start, end, marks, marks[1] - marks[0])


def _tight_axis(low: float, high: float, start: float, end: float) -> _Axis:
    """Return an axis from the first value to the last, with the round numbers between."""
    marks, slack = ticks(low, high), 1e-9 * (high - low)
    inside = [value for value in marks if low - slack <= value <= high + slack]
    return _Axis(low, high, start, end, inside, marks[1] - marks[0])


def _path(points: Sequence[Point], x: _Axis, y: _Axis) -> str:
    parts, pen = [], "M"
    for across, up in points:
        if up is None:
            pen = "M"
            continue
        parts.append(f"{pen}{x.at(across):.1f} {y.at(up):.1f}")
        pen = "L"
    return "".join(parts)


def _frame(x: _Axis, y: _Axis, x_name: str, width: int, height: int) -> list[str]:
    out = []
    for value in y.marks:
        at = f"{y.at(value):.1f}"
        out.append(f'<line class="grid" x1="{LEFT}" x2="{width - RIGHT}" y1="{at}" y2="{at}"/>')
        out.append(f'<text class="tick" x="{LEFT - 5}" y="{at}" dy=".32em" text-anchor="end">{y.label(value)}</text>')
    base = height - BOTTOM
    for value in x.marks:
        at = f"{x.at(value):.1f}"
        out.append(f'<text class="tick" x="{at}" y="{base + 14}" text-anchor="middle">{x.label(value)}</text>')
    out.append(f'<line class="axis" x1="{LEFT}" x2="{width - RIGHT}" y1="{base}" y2="{base}"/>')
    middle = (LEFT + width - RIGHT) / 2
    out.append(f'<text class="tick" x="{middle:.0f}" y="{height - 4}" text-anchor="middle">{escape(x_name)}</text>')
    return out


def _figure(title: str, text: str, body: Sequence[str], width: int, height: int, legend: str = "") -> str:
    return (
        f'<figure class="chart"><figcaption>{escape(title)}</figcaption>'
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(text)}">'
        f"<title>{escape(text)}</title>{''.join(body)}</svg>{legend}</figure>"
    )


def _legend(lines: Sequence[Line]) -> str:
    if len(lines) < 2:
        return ""
    items = []
    for place, line in enumerate(lines):
        style = (place if line.style is None else line.style) % COLOURS
        stroke = f'<line class="line c{style}" {_dash(style)}x1="0" x2="26" y1="4" y2="4"/>'
        swatch = f'<svg width="26" height="8" aria-hidden="true">{stroke}</svg>'
        items.append(f"<li>{swatch} {escape(line.name)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def _dash(style: int) -> str:
    return f'stroke-dasharray="{DASHES[style]}" ' if DASHES[style] else ""


def line_chart(
    title: str, lines: Sequence[Line], x_name: str = "step", y_range: tuple[float, float] | None = None
) -> str:
    """Return a `<figure>` with one curve a line, "" where nothing is known. `y_range` makes charts comparable."""
    lines = [line for line in lines if any(up is not None for _, up in line.points)]
    if not lines:
        return ""
    across = [point[0] for line in lines for point in line.points]
    up = [value for line in lines for _, value in line.points if value is not None]
    low, high = y_range or (min(up), max(up))
    x = _tight_axis(min(across), max(across), LEFT, WIDTH - 2 * RIGHT)
    y = _round_axis(low, high, HEIGHT - BOTTOM, TOP)
    body = _frame(x, y, x_name, WIDTH, HEIGHT)
    told = []
    for place, line in enumerate(lines):
        style = (place if line.style is None else line.style) % COLOURS
        body.append(f'<path class="line c{style}" {_dash(style)}d="{_path(line.points, x, y)}"/>')
        known = [value for _, value in line.points if value is not None]
        told.append(f"{line.name} from {known[0]:.4g} to {known[-1]:.4g}")
    return _figure(title, f"{title}: {'; '.join(told)}", body, WIDTH, HEIGHT, _legend(lines))


def interval_chart(title: str, marks: Sequence[Mark], x_name: str, zero: float | None = None) -> str:
    """Return a `<figure>` with one dot and its interval a row, and a rule at `zero`; "" without marks."""
    if not marks:
        return ""
    left, row = 118, 22
    height = TOP + row * len(marks) + BOTTOM
    ends = [value for mark in marks for value in (mark.value, mark.low, mark.high, zero) if value is not None]
    x = _round_axis(min(ends), max(ends), left, WIDTH - 2 * RIGHT, 4)
    base = height - BOTTOM
    body = []
    for value in x.marks:
        at = f"{x.at(value):.1f}"
        body.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{TOP}" y2="{base}"/>')
        body.append(f'<text class="tick" x="{at}" y="{base + 14}" text-anchor="middle">{x.label(value)}</text>')
    if zero is not None:
        body.append(f'<line class="axis" x1="{x.at(zero):.1f}" x2="{x.at(zero):.1f}" y1="{TOP}" y2="{base}"/>')
    told = []
    for place, mark in enumerate(marks):
        y = TOP + row * (place + 0.5)
        body.append(
            f'<text class="name" x="{left - 8}" y="{y}" dy=".32em" text-anchor="end">{escape(mark.name)}</text>'
        )
        told.append(f"{mark.name} {mark.value:.3g}")
        if mark.low is not None and mark.high is not None:
            ends_at = f'x1="{x.at(mark.low):.1f}" x2="{x.at(mark.high):.1f}"'
            body.append(f'<line class="line c0" {ends_at} y1="{y}" y2="{y}"/>')
            told[-1] += f" ({mark.low:.3g} to {mark.high:.3g})"
        body.append(f'<circle class="dot" cx="{x.at(mark.value):.1f}" cy="{y}" r="4"/>')
    body.append(
        f'<text class="tick" x="{(left + WIDTH) / 2:.0f}" y="{height - 4}" text-anchor="middle">{escape(x_name)}</text>'
    )
    return _figure(title, f"{title}: {'; '.join(told)}", body, WIDTH, height)
