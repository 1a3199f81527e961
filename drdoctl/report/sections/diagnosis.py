"""What the doctor sees in the stages: each finding with what to change and on which numbers it rests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from drdoctl.doctor.case import Severity
from drdoctl.report.markup import folded, label, note, prose, table, text
from drdoctl.report.tables import NOTHING, Table

TITLE = "Diagnosis"
PLACE = 90
SEVERITIES = get_args(Severity)
MEANING = (
    "As `drdoctl doctor` says it. A fault: the result is not what was asked for; a warning: it may not be; a note is "
    "worth knowing."
)


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where nothing is seen."""
    found = sorted(report["findings"], key=lambda row: SEVERITIES.index(row["severity"]))
    if not found:
        return ""
    return note(MEANING) + "".join(_finding(code, rows) for code, rows in _alike(found))


def _alike(found: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, list[Mapping[str, Any]]]]:
    """Return findings of one kind together: twenty students of a matrix with the same fault are one thing to read."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in found:
        groups.setdefault((row["severity"], row["code"]), []).append(row)
    return [(code, rows) for (_, code), rows in groups.items()]


def _finding(code: str, rows: list[Mapping[str, Any]]) -> str:
    said = "".join(
        f"<p><strong>{label(row['stage'])}</strong>: {prose(row['message'])}. "
        f"<em>{prose(_sentence(row['advice']))}</em></p>"
        for row in rows
    )
    badge = f'<p><span class="badge">{rows[0]["severity"]}</span><code>{text(code)}</code></p>'
    evidence = folded("Evidence", table(_evidence(rows), kind="text"))
    return f'<div class="finding is-{rows[0]["severity"]}">{badge}{said}{evidence}</div>'


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _evidence(rows: Iterable[Mapping[str, Any]]) -> Table:
    cells = [
        [row["stage"], one["file"], _steps(one["steps"]), name, _value(value)]
        for row in rows
        for one in row["evidence"]
        for name, value in one["values"].items()
    ]
    return Table("Evidence", ["stage", "file", "steps", "what", "value"], cells)


def _steps(steps: list[int] | None) -> str:
    return NOTHING if steps is None else f"{steps[0]} to {steps[1]}"


def _value(value: object) -> str:
    return NOTHING if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
