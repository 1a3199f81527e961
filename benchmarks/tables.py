"""From records to ratios and tables. Pure: nothing runs here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.measure import Row

Record = Mapping[str, Any]
Rounds = list[Mapping[str, Record]]
"""One mapping a round: side -> record."""


@dataclass(frozen=True)
class Line:
    """One line of the table, in numbers."""

    title: str
    against: str
    ours: float
    peer: float | None
    unit: str
    ratio: float
    """Median of the rounds' ratios; where there is no peer, of the rounds' own figures."""
    least: float
    most: float
    rounds: int
    target: float | None
    speedup: bool
    processor: tuple[float, float, float] | None = None
    """The same ratio in processor seconds, which other work on the machine hardly touches: median, least, most."""

    @property
    def reached(self) -> bool | None:
        """Whether the target is met, by the clock and by processor seconds; None where there is none."""
        if self.target is None:
            return None
        found = [self.ratio, *(self.processor or ())[:1]]
        return min(found) >= self.target if self.speedup else max(found) <= self.target


def cost(record: Record, quantity: str) -> float:
    """Return what is compared: seconds (or processor seconds) a unique token, MiB, or seconds."""
    if quantity in ("time", "processor"):
        return float(record["seconds" if quantity == "time" else "cpu_seconds"] / record["tokens"])
    return float(record[{"memory": "peak_mib", "total": "seconds", "overhead": "overhead"}[quantity]])


def shown(record: Record, quantity: str) -> tuple[float, str]:
    """Return what people read, and its unit."""
    if quantity == "time":
        return 1000 * record["seconds"] / record["pairs"], "ms a row"
    return cost(record, quantity), "MiB" if quantity == "memory" else "s"


def line(row: Row, rounds: Rounds) -> Line:
    """Return a row's line: the ratio of every round, against the peer that is best by its median."""
    if not row.peers:
        return _alone(row, rounds)
    peer = min(row.peers, key=lambda name: median(cost(found[name], row.quantity) for found in rounds))
    ratios = _ratios(row, peer, row.quantity, rounds)
    timed = row.quantity in ("time", "total") and all(
        "cpu_seconds" in found[side] for found in rounds for side in (row.ours, peer)
    )
    processor = _ratios(row, peer, "processor", rounds) if timed else None
    figures = {name: median(shown(found[name], row.quantity)[0] for found in rounds) for name in (row.ours, peer)}
    return Line(
        title=row.title,
        against=row.against if len(row.peers) == 1 else f"{row.against}: {peer}",
        ours=figures[row.ours],
        peer=figures[peer],
        unit=shown(rounds[0][row.ours], row.quantity)[1],
        ratio=median(ratios),
        least=min(ratios),
        most=max(ratios),
        rounds=len(rounds),
        target=row.target,
        speedup=row.speedup,
        processor=(median(processor), min(processor), max(processor)) if processor else None,
    )


def _ratios(row: Row, peer: str, quantity: str, rounds: Rounds) -> list[float]:
    found = [(cost(sides[row.ours], quantity), cost(sides[peer], quantity)) for sides in rounds]
    return [theirs / ours if row.speedup else ours / theirs for ours, theirs in found]


def _alone(row: Row, rounds: Rounds) -> Line:
    found = [cost(sides[row.ours], row.quantity) for sides in rounds]
    middle, unit = median(found), shown(rounds[0][row.ours], row.quantity)[1]
    spread = (middle, min(found), max(found), len(found))
    return Line(row.title, row.against, middle, None, unit, *spread, row.target, row.speedup)


def number(value: float) -> str:
    """Return three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def cells(found: Line) -> list[str]:
    """Return a line's cells: work, against, ours, peer, ratios with their spread, target, whether it is reached."""
    unit = "x" if found.peer is not None else f" {found.unit}"
    bound = "" if found.target is None else f"{'≥' if found.speedup else '≤'} {found.target:g}{unit}"
    mark = {True: "yes", False: "no", None: ""}[found.reached]
    spread = _spread(unit, found.ratio, found.least, found.most)
    processor = _spread(unit, *found.processor) if found.processor else ""
    ours, peer = (f"{number(value)} {found.unit}" if value is not None else "" for value in (found.ours, found.peer))
    return [found.title, found.against, ours, peer, spread, processor, bound, mark]


def _spread(unit: str, middle: float, least: float, most: float) -> str:
    return f"{middle:.2f}{unit} [{least:.2f} to {most:.2f}]"


HEAD = ["work", "against", "drdoctl", "peer", "ratio [spread]", "in processor time", "target", "reached"]


def markdown(lines: Iterable[Line]) -> str:
    """Return a table in Markdown."""
    rows = [HEAD, ["---"] * len(HEAD), *map(cells, lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
