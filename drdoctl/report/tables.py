"""Tables of a report: one set of cells for the terminal and for the HTML file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from drdoctl.core.columns import aligned
from drdoctl.report.judges import judgements
from drdoctl.report.oracles import SHOWN, cells, test_sets
from drdoctl.report.ways import headline_way

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NOTHING = "-"
PARTS = ("right", "wrong", "words", "twice", "broken")
BRIEF_PARTS = ("wrong", "words")
PART_NAMES = {"right": "right facts", "wrong": "wrong facts", "twice": "said twice", "broken": "broken joins"}
ACCURACIES = ("implicit_accuracy", "logp_accuracy")
"""What stands for a student's pair accuracy, best first: against the reference, else by log-probability alone."""


@dataclass(frozen=True)
class Table:
    """Headings and cells, all text. The first column names the row."""

    title: str
    columns: list[str]
    rows: list[list[str]]

    def render(self) -> str:
        """Return the table for a terminal: first column to the left, numbers to the right."""
        lines = [self.columns, *self.rows]
        rule = ["-" * max(map(len, cells)) for cells in zip(*lines, strict=True)]
        return "\n".join([self.title, *aligned([self.columns, rule, *self.rows])])

    def filled(self, always: int = 1) -> Table:
        """Return the table without columns that hold nothing, of those behind the first `always`."""
        kept = [at for at in range(len(self.columns)) if at < always or any(row[at] != NOTHING for row in self.rows)]
        return Table(self.title, [self.columns[at] for at in kept], [[row[at] for at in kept] for row in self.rows])


def number(value: float | None, digits: int = 2) -> str:
    """Return a number with fixed digits; `-` where there is none."""
    if value is None:
        return NOTHING
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text


def with_interval(entry: Mapping[str, Any] | None, digits: int = 2, scale: float = 1, *, plain: bool = False) -> str:
    """Return ``1.24 [1.11, 1.37]``; over seeds ``1.24 ± 0.05 [1.18, 1.30]``, with their standard deviation.

    `plain` leaves the interval out.
    """
    if entry is None or entry["value"] is None:
        return NOTHING
    text = number(entry["value"] * scale, digits)
    if entry.get("sd") is not None:
        text += f" ± {number(entry['sd'] * scale, digits)}"
    if plain or entry["low"] is None or entry["high"] is None:
        return text
    return f"{text} [{number(entry['low'] * scale, digits)}, {number(entry['high'] * scale, digits)}]"


def figure(student: Mapping[str, Any], metric: str, **where: Any) -> dict[str, Any] | None:
    """Return a student's first figure with this metric and these fields, or None."""
    for found in student["figures"]:
        if found["metric"] == metric and all(found[key] == value for key, value in where.items()):
            return dict(found)
    return None


def temperatures(report: Mapping[str, Any]) -> list[float]:
    """Return all sampling temperatures, ascending."""
    found = {row["temperature"] for student in report["students"] for row in student["figures"]}
    return sorted(found - {None})


def headline_temperature(report: Mapping[str, Any]) -> float | None:
    """Return the temperature of the main table: 0.7, else the middle one above 0, else 0."""
    found = {str(value): value for value in temperatures(report)}
    way = headline_way(found.items())
    return None if way is None else found[way]


class _Columns:
    """Collects columns over all students; one without any value is left out."""

    def __init__(self, students: Sequence[Mapping[str, Any]]) -> None:
        self.students = students
        self.columns: list[tuple[str, list[str]]] = []

    def add(
        self,
        name: str,
        metric: str,
        where: Mapping[str, Any],
        digits: int = 2,
        scale: float = 1,
        *,
        plain: bool = False,
    ) -> bool:
        """Add a metric's column; `plain` leaves the intervals out. Returns whether there was anything to add."""
        found = [figure(student, metric, **where) for student in self.students]
        if not any(entry and entry["value"] is not None for entry in found):
            return False
        cells = [with_interval(entry, digits, scale, plain=plain) for entry in found]
        stamps = ["*" if entry and entry["warnings"] else "" for entry in found]
        self.columns.append((name, [cell + stamp for cell, stamp in zip(cells, stamps, strict=True)]))
        return True

    def table(self, title: str) -> Table:
        """Return the table."""
        rows = [
            [student["label"], *(cells[row] for _, cells in self.columns)] for row, student in enumerate(self.students)
        ]
        return Table(title, ["student", *(name for name, _ in self.columns)], rows)


def students_table(report: Mapping[str, Any], temperature: float | None = None, *, brief: bool = False) -> Table:
    """Return one row a student: true reward and its parts, length, wins over the baselines, pair accuracy.

    `brief` keeps to what fits a terminal.
    """
    at = headline_temperature(report) if temperature is None else temperature
    here, columns = {"temperature": at}, _Columns(report["students"])
    columns.add("true reward", "truth.reward", here)
    has_words = False
    for part in BRIEF_PARTS if brief else PARTS:
        added = columns.add(PART_NAMES.get(part, part), f"truth.{part}", here, plain=True)
        has_words = has_words or (added and part == "words")
    if not has_words:
        columns.add("tokens", "tokens", here, 1, plain=True)
    if not brief:
        columns.add("not ended, %", "not_ended", here, 1, 100, plain=True)
    for judge, against in judgements(report["spec"]):
        of = {**here, "judge": judge, "against": against}
        name = f"{judge}: " if not brief or judge in (report["spec"].get("judges") or {}) else ""
        added = columns.add(f"{name}wins v {against}, %", "win_rate", of, 1, 100)
        columns.add(f"{name}reward v {against}", "mean_difference", of)
        if brief and added:
            break
    metric = next((name for name in ACCURACIES if any(figure(row, name) for row in report["students"])), ACCURACIES[-1])
    columns.add("pairs right, %", metric, {}, 1, 100, plain=brief)
    return columns.table("Students" + _at(at))


def _at(temperature: float | None) -> str:
    if temperature is None:
        return ""
    return ", greedy" if temperature == 0 else f" at temperature {temperature:g}"


def differences_table(report: Mapping[str, Any], temperature: float | None = None) -> Table:
    """Return one row for each pair of aligned students and each judge: mean difference and win rate.

    The p-value is the mean difference's; over prompts it is adjusted for all pairs (Holm), over seeds it is not.
    """
    at = headline_temperature(report) if temperature is None else temperature
    seeds = any("seeds" in row for row in report["differences"])
    rows = [
        [
            f"{row['first']} - {row['second']}",
            row["judge"],
            _starred(row, {"value": row["mean"], "low": row["low"], "high": row["high"], "sd": row.get("sd")}),
            p_text(row.get("p_holm", row["p"])),
            _starred(row, {"value": row["win_rate"], "low": row["win_low"], "high": row["win_high"]}, 1, 100),
            *([] if seeds else [_starred(row, {"value": row["win_rate_like_length"], "low": None}, 1, 100)]),
            f"{row['count']:,}",
        ]
        for row in report["differences"]
        if row["temperature"] == at
    ]
    columns = ["first - second", "judge", "mean difference in reward", "p", "first wins, %"]
    columns += ["seeds"] if seeds else ["at like length, %", "prompts"]
    return Table("Between students, on the same prompts" + _at(at), columns, rows)


def _starred(row: Mapping[str, Any], entry: Mapping[str, Any], digits: int = 2, scale: float = 1) -> str:
    """Return one of a pair's figures, marked where the pair is stamped."""
    mark = "*" if row["warnings"] and entry["value"] is not None else ""
    return with_interval(entry, digits, scale) + mark


def p_text(p: float | None) -> str:
    """Return a p-value in few characters: `0.012`, `< 0.001`."""
    return NOTHING if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}"


def oracles_table(report: Mapping[str, Any]) -> Table:
    """Return one row for each reward model and each set of pairs: accuracy, love of length, calibration."""
    rows = [
        [
            f"{row['label']}, {test_set}" if test_set else row["label"],
            *(
                with_interval(entry, digits, scale, plain=at > 0)
                for at, (entry, scale, digits) in enumerate(cells(row, test_set))
            ),
        ]
        for row in report["oracles"]
        for test_set in test_sets(row)
    ]
    return Table("Reward models, on labelled pairs", ["reward model", *(column[0] for column in SHOWN)], rows)
