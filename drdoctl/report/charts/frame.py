"""What charts drawn as SVG share: the frame with its marks, the figure around it, the legend below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from drdoctl.report.charts.scales import Scale
from drdoctl.report.markup import label, text
from drdoctl.report.palette import Style

LEFT, RIGHT, TOP, BOTTOM = 46, 12, 10, 36


@dataclass(frozen=True)
class Sheet:
    """What is drawn on: the page scales it to the width it has, `kind` is its class in the style sheet."""

    width: int
    height: int
    top: int = TOP
    kind: str = "chart"

    @property
    def across(self) -> tuple[int, int]:
        """Return from where to where x runs."""
        return LEFT, self.width - 2 * RIGHT

    @property
    def up(self) -> tuple[int, int]:
        """Return from where to where y runs."""
        return self.height - BOTTOM, self.top


SMALL = Sheet(360, 210)
WIDE = Sheet(520, 230, kind="chart broad")
NAMED = Sheet(360, 235, top=26)
WIDE_NAMED = Sheet(520, 270, top=26, kind="chart broad")
"""With room for the y axis's name above it."""


def frame(sheet: Sheet, x: Scale, y: Scale, x_name: str, y_name: str = "") -> list[str]:
    """Return grid, marks and the axes' names; with a `y_name` the grid has upright lines too."""
    out, base, right = [], sheet.height - BOTTOM, sheet.width - RIGHT
    for value in y.marks:
        at = f"{y.at(value):.1f}"
        out.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{at}" y2="{at}"/>')
        out.append(f'<text class="tick" x="{LEFT - 5}" y="{at}" dy=".32em" text-anchor="end">{y.label(value)}</text>')
    for value in x.marks:
        at = f"{x.at(value):.1f}"
        if y_name:
            out.append(f'<line class="grid" x1="{at}" x2="{at}" y1="{sheet.top}" y2="{base}"/>')
        out.append(f'<text class="tick" x="{at}" y="{base + 14}" text-anchor="middle">{x.label(value)}</text>')
    out.append(f'<line class="axis" x1="{LEFT}" x2="{right}" y1="{base}" y2="{base}"/>')
    if y_name:
        out.append(f'<text class="tick" x="2" y="12">↑ {text(y_name)}</text>')
    middle, below = (LEFT + right) / 2, sheet.height - 5
    out.append(f'<text class="tick" x="{middle:.0f}" y="{below}" text-anchor="middle">{text(x_name)}</text>')
    return out


def figure(sheet: Sheet, title: str, told: str, body: Iterable[str], below: str = "") -> str:
    """Return a `<figure>`; `told` says in words what is drawn, `below` is markup under the drawing."""
    return (
        f'<figure class="{sheet.kind}"><figcaption>{text(title)}</figcaption>'
        f'<svg viewBox="0 0 {sheet.width} {sheet.height}" role="img" aria-label="{text(told)}">{"".join(body)}</svg>'
        f"{below}</figure>"
    )


def legend(entries: Mapping[str, Style], *, dots: bool = False) -> str:
    """Return what stands for what; "" where there is but one thing."""
    if len(entries) < 2:
        return ""
    items = []
    for name, style in entries.items():
        line = f'<line class="line {style.classes}" {style.stroke}x1="1" x2="25" y1="5" y2="5"/>'
        drawn = marker(style, 13, 5) if dots else line
        swatch = f'<svg width="26" height="10" aria-hidden="true">{drawn}</svg>'
        items.append(f"<li>{swatch} {label(name)}</li>")
    return f'<ul class="legend">{"".join(items)}</ul>'


def marker(style: Style, x: float, y: float) -> str:
    """Return a named point: circle, square or diamond, filled or hollow, as lines of the same style differ by dash."""
    shape, is_hollow = divmod(style.dash, 2)
    kind = f'class="dot{" hollow" if is_hollow else ""} {style.classes}"'
    if shape == 0:
        return f'<circle {kind} cx="{x:.1f}" cy="{y:.1f}" r="4"/>'
    if shape == 1:
        return f'<rect {kind} x="{x - 3.6:.1f}" y="{y - 3.6:.1f}" width="7.2" height="7.2"/>'
    return f'<path {kind} d="M{x:.1f} {y - 5:.1f}l5 5-5 5-5-5z"/>'


def spread(values: Sequence[float], share: float = 0.04) -> tuple[float, float]:
    """Return the least and the largest value with a little room around them."""
    low, high = min(values), max(values)
    room = (high - low) * share
    return low - room, high + room
