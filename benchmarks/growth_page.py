"""The page `docs/growth.md` and its plot `docs/growth/growth.svg`, from the figures of `growth.py`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from drdoctl.stages import KINDS

Known = Mapping[str, Mapping[str, Any]]
"""Pairs (as text) -> what `growth.pipeline` returned, with a `note`, and `splits`: what `growth.splits` did."""
COLOURS = ("#4477aa", "#ee6677", "#228833", "#aa8800", "#66aacc", "#aa3377", "#777777", "#222222", "#cc5500", "#008877")
TRAINED = ("sft", "oracle", "align", "evaluate")
"""Stages whose work the largest sizes cut short, so that it cannot be compared."""
WIDTH, HEIGHT, LEFT, TOP, BOTTOM, LEGEND = 380, 300, 56, 28, 40, 130

HEAD = """# Growth

Written by `make bench-growth` (`benchmarks/growth.py`); `ARGS="--sizes 1000 10000"` for less. Made-up pairs of about
780 bytes, 165 tokens; `split: {name: hard, quantile: 0.9}` keeps about four in five; a Llama of one layer, 16 wide, so
that what grows is the machinery: rows read, tokenised, kept, found again and joined. One thread a stage. CPU seconds
are what a stage's process used, imports included; wall seconds also hold what others took of the machine.
"""

SPLITS = """
## Splits that need an oracle: CPU seconds (wall), peak memory

`split: [lengths, easy (by: oracle), length-bias, label-noise]`: the pairs are read, an oracle scores them all, and the
rest of the list is drawn with its margins (`length-bias` relabels them) for a tenth as many pairs.
"""

HELD = """
## What is held for each row

Texts and token ids are never all in memory: they pass through in chunks of 512 rows, row groups of 1,024, or are read
from disk row by row. What grows with the rows is numbers:

- `data`: hashes of the prompt and the id, confidence, edit distance, score margin, three lengths and a flag (53 bytes)
  for splits and draws that look at all rows at once; a hash of each id to find ids that are there twice (8); and for a
  moment the indices and copies that the choice is made with (140 for one step, 220 for a list of five). A stage that
  goes on with a split after an oracle has scored the pairs holds the same, and the oracle's margin (8).
- `sft`, `oracle`, `align`: where a row's ids begin and how long its parts are (20), its name (its characters and 4 or
  so), an epoch's order (8, and 8 for the next); in `align` the oracle's margin (4 for each member) and the
  reference's two sums (16). The ids lie in a file without a name on the store's disk, 4 bytes a token for each process.
- `rewards`, `logps`: the same places and names, the order by length (8), and the columns of the result (4 to 8 each).
  Finished pieces are files, about a thousand at most.
- `plan`: nothing. A file is read through once, in blocks of 4 MiB, and its hash is remembered.

## Edit distances

They are taken a chunk at a time by rapidfuzz, on all cores and outside Python's lock, while the rows before are
written. In CPU seconds for a million pairs, measured beside other work: 3 for responses of 36 tokens, 17 for 165, 54
for 400 (one pair after the other, under the lock: 2, 10 and 39). So a million pairs take less than half a minute of two
cores, where tokenising and writing them takes minutes.
"""


def write(docs: Path, known: Known) -> None:
    """Write page and plot. A size whose pipeline was never measured is left out."""
    known = {size: figures for size, figures in known.items() if "stages" in figures}
    if not known:
        return
    sizes = sorted(known, key=int)
    order = ("plan (first)", "plan (again)", *KINDS)
    found = dict.fromkeys(name for size in sizes for name in known[size]["stages"])
    names = sorted(found, key=lambda name: (order.index(name.partition("[")[0]), name.endswith("[drdo]")))
    panels = [
        _panel("CPU seconds", known, names, lambda figures: figures["cpu_seconds"], 0),
        _panel("peak memory, MiB", known, names, lambda figures: figures["peak_mib"], WIDTH),
    ]
    entries = "".join(_entry(name, place) for place, name in enumerate(names))
    size = f'width="{2 * WIDTH + LEGEND}" height="{HEIGHT}"'
    (docs / "growth" / "growth.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">'
        f'<rect {size} fill="#fff"/>{"".join(panels)}{entries}</svg>\n',
        encoding="utf-8",
    )
    (docs / "growth.md").write_text(_page(known, sizes, names), encoding="utf-8")


def _page(known: Known, sizes: list[str], names: list[str]) -> str:
    def cell(size: str, name: str, show: Callable[[Mapping[str, float]], str]) -> str:
        figures = known[size]["stages"].get(name)
        return show(figures) if figures else "-"

    def table(title: str, show: Callable[[Mapping[str, float]], str], last: Callable[[str], str] | None) -> list[str]:
        heads = [f"{int(size):,} pairs" + (" (*)" if known[size]["steps"] else "") for size in sizes]
        more = ["ms a pair, in steps of ten"] if last else []
        rows = [[name, *(cell(size, name, show) for size in sizes), *([last(name)] if last else [])] for name in names]
        lines = [["stage", *heads, *more], ["---", *("---:" for _ in [*heads, *more])], *rows]
        return ["", f"## {title}", "", *("| " + " | ".join(line) + " |" for line in lines)]

    notes = dict.fromkeys(filter(None, (known[size].get("note", "") for size in sizes)))
    steps = next((known[size]["steps"] for size in sizes if known[size]["steps"]), None)
    hosts = dict.fromkeys(
        f"{made['cpus']} cores, {made['memory_gib']} GiB" for made in (known[s]["host"] for s in sizes)
    )
    return "\n".join(
        [
            HEAD,
            f"Measured on: {'; '.join(hosts)}. Files: "
            + ", ".join(f"{int(size):,} pairs {known[size]['file_mib']:,.0f} MiB" for size in sizes)
            + ".",
            *([f"(*) Training stages take {steps} steps and nothing is evaluated."] if steps else []),
            *notes,
            *table("Time: CPU seconds (wall)", _time, lambda name: _slopes(known, sizes, name)),
            *table("Memory: peak of the stage's process, MiB", lambda figures: f"{figures['peak_mib']:,.0f}", None),
            "",
            "![CPU seconds and peak memory against pairs](growth/growth.svg)",
            *_splits(known, sizes),
            HELD,
        ]
    )


def _splits(known: Known, sizes: list[str]) -> list[str]:
    """Return the table of splits that wait for an oracle; [] where none was measured."""
    found = [(size, known[size]["splits"]) for size in sizes if "splits" in known[size]]
    names = sorted(dict.fromkeys(name for _, stages in found for name in stages), key=lambda name: "[" not in name)
    lines = [["stage", *(f"{int(size):,} pairs" for size, _ in found)], ["---", *("---:" for _ in found)]]
    for name in names:
        cells = (f"{_time(stages[name])}, {stages[name]['peak_mib']:,.0f} MiB" for _, stages in found)
        lines.append([name, *cells])
    return [SPLITS, *("| " + " | ".join(line) + " |" for line in lines)] if found else []


def _time(figures: Mapping[str, float]) -> str:
    return f"{figures['cpu_seconds']:,.2f} ({figures['seconds']:,.1f})"


def _slopes(known: Known, sizes: list[str], name: str) -> str:
    """Return what another pair cost from each size to the next: CPU milliseconds, imports cancelled out."""
    pairs = [
        (low, high)
        for low, high in pairwise(sizes)
        if known[low]["steps"] == known[high]["steps"] or not name.startswith(TRAINED)
    ]
    found = []
    for low, high in pairs:
        ends = [known[size]["stages"].get(name) for size in (low, high)]
        if all(ends):
            cost = (ends[1]["cpu_seconds"] - ends[0]["cpu_seconds"]) / (int(high) - int(low))
            found.append(f"{1000 * cost:.3f}")
    return ", ".join(found) or "-"


def _panel(title: str, known: Known, names: list[str], value: Callable[[Mapping[str, float]], float], left: int) -> str:
    """Return one chart, both axes logarithmic, a line for each stage."""
    points = {
        name: [
            (math.log10(int(size)), math.log10(max(value(known[size]["stages"][name]), 1e-2)))
            for size in sorted(known, key=int)
            if name in known[size]["stages"] and not (known[size]["steps"] and name.startswith(TRAINED))
        ]
        for name in names
    }
    xs = [x for line in points.values() for x, _ in line]
    ys = [y for line in points.values() for _, y in line]
    low_x, high_x = min(xs), max(*xs, min(xs) + 1)
    low_y, high_y = math.floor(min(ys)), max(math.ceil(max(ys)), math.floor(min(ys)) + 1)

    def at(x: float, y: float) -> tuple[float, float]:
        wide, high = WIDTH - LEFT - 14, HEIGHT - TOP - BOTTOM
        return (
            left + LEFT + wide * (x - low_x) / (high_x - low_x),
            TOP + high * (high_y - y) / (high_y - low_y),
        )

    parts = [f'<text x="{left + LEFT}" y="16" font-weight="bold">{title}</text>']
    for tick in range(math.ceil(low_x), math.floor(high_x) + 1):
        x, y = at(tick, low_y)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{y + 15:.1f}" text-anchor="middle">{10**tick:,}</text>')
    for tick in range(low_y, high_y + 1):
        (x, y), (end, _) = at(low_x, tick), at(high_x, tick)
        parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{10.0**tick:,g}</text>')
    for place, name in enumerate(names):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(*point) for point in points[name]))
        colour = COLOURS[place % len(COLOURS)]
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
    x, y = at((low_x + high_x) / 2, low_y)
    return "".join(parts) + f'<text x="{x:.1f}" y="{y + 32:.1f}" text-anchor="middle">pairs</text>'


def _entry(name: str, place: int) -> str:
    x, y = 2 * WIDTH + 4, TOP + 18 * place
    colour = COLOURS[place % len(COLOURS)]
    return f'<rect x="{x}" y="{y - 8}" width="12" height="4" fill="{colour}"/><text x="{x + 18}" y="{y}">{name}</text>'
