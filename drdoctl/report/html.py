"""One self-contained HTML file: tables, curves, samples, data, provenance. No network, no script; light and dark."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import write_atomic
from drdoctl.report import figures, provenance
from drdoctl.report.collect import collect
from drdoctl.report.tables import ABOUT_INTERVALS, Table, differences_table, notes, students_table, temperatures

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drdoctl.plan.types import Plan
    from drdoctl.store.artifact import Store

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Even a response that slipped through the escaping could load and run nothing."""


def table_html(table: Table, *, kind: str = "") -> str:
    """Return a table with its caption and header cells; "" where there are no rows or no columns but the names."""
    if not table.rows or len(table.columns) < 2:
        return ""
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.columns)
    rows = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>{"".join(f"<td>{_cell(cell)}</td>" for cell in row[1:])}</tr>'
        for row in table.rows
    )
    attribute = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll"><table{attribute}><caption>{escape(table.title)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _cell(text: str) -> str:
    """Escape a cell; an interval is set smaller than its value."""
    value, bracket, rest = text.partition(" [")
    return f"{escape(value)} <small>[{escape(rest)}</small>" if bracket and rest.endswith(("]", "]*")) else escape(text)


def _prose(text: str) -> str:
    """Escape a sentence; what stands between backticks is set as code."""
    parts = [escape(part) for part in text.split("`")]
    marked = [f"<code>{part}</code>" if place % 2 else part for place, part in enumerate(parts)]
    return "".join(marked) if len(parts) % 2 else escape(text)


def _warnings(report: Mapping[str, Any]) -> str:
    items = "".join(f"<li>{_prose(text)}</li>" for text in notes(report) if text != ABOUT_INTERVALS)
    if not items:
        return ""
    return f'<div class="warnings" role="note"><strong>Before quoting a number</strong><ul>{items}</ul></div>'


def _results(report: Mapping[str, Any]) -> str:
    parts = [table_html(students_table(report)), table_html(differences_table(report))]
    if any(parts):
        parts.append(f'<p class="note">{escape(ABOUT_INTERVALS)} A win rate says how often, not by how much.</p>')
        parts.append(figures.results(report))
    shown = students_table(report).title
    others = [students_table(report, at) for at in temperatures(report)]
    more = "".join(table_html(table) for table in others if table.title != shown)
    if more:
        parts.append(f"<details><summary>Other temperatures</summary>{more}</details>")
    every = "".join(table_html(_all_figures(student)) for student in report["students"])
    if every:
        parts.append(f"<details><summary>Every figure</summary>{every}</details>")
    return "".join(parts) or "<p>No evaluation is finished yet.</p>"


def _all_figures(student: Mapping[str, Any]) -> Table:
    columns = ["metric", "value", "low", "high", "unit", "against", "judge", "temperature", "count", "warnings"]
    rows = []
    for row in student["figures"]:
        cells = [row[name] for name in columns]
        cells[1:4] = ["-" if value is None else f"{value:.4g}" for value in cells[1:4]]
        cells[-1] = "; ".join(row["warnings"])
        rows.append(["-" if cell is None else f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells])
    return Table(f"All figures of {student['label']}", columns, rows)


def _generations(report: Mapping[str, Any]) -> str:
    out = []
    for place, shown in enumerate(report["generations"], start=1):
        responses = "".join(_response(row) for row in shown["responses"])
        out.append(
            f'<article class="generation" aria-label="Prompt {place}">'
            f"<blockquote>{escape(shown['prompt'])}</blockquote>"
            f'<div class="responses">{responses}</div></article>'
        )
    if not out:
        return ""
    way = escape(report["generations"][0]["sampling"])
    lead = (
        f'<p class="note">Prompts evenly spaced over the evaluation set, not chosen; sampled as <code>{way}</code>.</p>'
    )
    return lead + "".join(out)


def _response(row: Mapping[str, Any]) -> str:
    scores = [f"{name} {value:.2f}" for name, value in row["scores"].items() if value is not None]
    facts = [*scores[:2], f"{row['tokens']} tokens", *([] if row["ended"] else ["not ended"])]
    text = escape(row["text"]) or "<em>(empty)</em>"
    label, told = escape(row["student"]), escape(" · ".join(facts))
    return f'<div class="response"><h4>{label}</h4><small>{told}</small><p>{text}</p></div>'


def _data(report: Mapping[str, Any]) -> str:
    parts, facts = provenance.data_tables(report)
    return table_html(parts) + table_html(facts, kind="text")


def render(report: Mapping[str, Any]) -> str:
    """Return the page. The same report gives the same bytes."""
    spec = escape(json.dumps(report["spec"], indent=2, ensure_ascii=False))
    sections = {
        "Results": _results(report),
        "Curves": figures.curves(report),
        "Generations": _generations(report),
        "Data": _data(report),
        "Provenance": "".join(table_html(table, kind="text") for table in provenance.tables(report))
        + f"<details><summary>The resolved spec</summary><pre>{spec}</pre></details>",
    }
    present = {name: body for name, body in sections.items() if body}
    links = "".join(f'<li><a href="#{name.lower()}">{name}</a></li>' for name in present)
    body = "".join(
        f'<section aria-labelledby="{name.lower()}"><h2 id="{name.lower()}">{name}</h2>{text}</section>'
        for name, text in present.items()
    )
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    name = escape(report["name"])
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{name} · drdoctl report</title><style>\n{style}</style>"
    )
    header = (
        f'<header><h1>{name}</h1><p class="lead">{escape(provenance.lead(report))}</p>{_warnings(report)}'
        f'<nav aria-label="Sections"><ul>{links}</ul></nav></header>'
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{header}\n<main>{body}</main></body></html>\n'


def write(store: Store, plan: Plan, path: Path) -> None:
    """Write the report of a plan's finished artifacts to `path`, whole or not at all."""
    write_atomic(path, render(collect(store, plan)))
