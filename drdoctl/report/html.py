"""One self-contained HTML file from a report's data. No network, no script; light and dark; screen, phone, paper."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import write_atomic
from drdoctl.report import provenance
from drdoctl.report.cautions import cautions
from drdoctl.report.collect import collect
from drdoctl.report.headline import headline
from drdoctl.report.markup import anchor, bullets, prose, text
from drdoctl.report.sections import sections

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drdoctl.plan.types import Plan
    from drdoctl.store.artifact import Store

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Even a response that slipped through the escaping could load and run nothing."""


def render(report: Mapping[str, Any]) -> str:
    """Return the page. The same report gives the same bytes."""
    made = {section.TITLE: section.html(report) for section in sections()}
    present = {title: body for title, body in made.items() if body}
    links = "".join(f'<li><a href="#{anchor(title)}">{title}</a></li>' for title in present)
    body = "".join(
        f'<section aria-labelledby="{anchor(title)}"><h2 id="{anchor(title)}">{title}</h2>{content}</section>'
        for title, content in present.items()
    )
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    name = text(report["name"])
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f"<title>{name} · drdoctl report</title><style>\n{style}</style>"
    )
    header = (
        f'<header><h1><bdi>{name}</bdi></h1><p class="lead">{text(provenance.lead(report))}</p>'
        f"{_answer(report)}{_warnings(report)}</header>"
        f'<nav aria-label="Sections"><ul>{links}</ul></nav>'
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{header}\n<main>{body}</main></body></html>\n'


def _answer(report: Mapping[str, Any]) -> str:
    """Return what was asked and what came out, in sentences."""
    said = "".join(f"<p>{prose(sentence)}</p>" for sentence in report["answer"])
    asked = f'<p class="asked">{prose(report["question"])}</p>' if report["question"] else ""
    return f'<div class="answer-box">{asked}{said}</div>' if said else asked


def _warnings(report: Mapping[str, Any]) -> str:
    said = cautions(headline(report))
    if not said:
        return ""
    return f'<div class="warnings" role="note"><strong>Before quoting a number</strong>{bullets(said)}</div>'


def write(store: Store, plan: Plan, path: Path) -> None:
    """Write the report of a plan's finished artifacts to `path`, whole or not at all."""
    write_atomic(path, render(collect(store, plan)))
