"""What training logged: all students in the same pictures first, each stage by itself for who wants to look closer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drdoctl.report.charts.frame import WIDE, legend
from drdoctl.report.charts.lines import Line, line_chart, smooth
from drdoctl.report.markup import bullets, charts, folded, note, table
from drdoctl.report.palette import Style, settings_of, styles_of
from drdoctl.report.tables import NOTHING, Table, number, with_interval

TITLE = "Curves"
PLACE = 30
WINDOWS = 12
"""Curves that share a picture are smoothed over a twelfth of it: single batches would hide one behind another."""
LOGPS = {"chosen_logp": "chosen", "rejected_logp": "rejected"}
GATE = {"gate": "mean", "gate_sd": "standard deviation"}
NORMS = {"grad_norm": "norm", "head_grad_norm": "the reward head's"}
MARGINS = {"dr": "oracle's margin", "r_hat_margin": "student's margin"}
SHARE = (0.0, 1.0)

Rows = Mapping[str, Mapping[str, Any]]


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no stage logged anything."""
    logged = {row["stage"]: row for row in report["curves"]}
    if not logged:
        return ""
    align = {_label(stage): row for stage, row in logged.items() if stage.startswith("align")}
    every = max(row["every"] for row in logged.values())
    thinned = note(f"Each point is a mean over up to {every} steps.") if every > 1 else ""
    return _figure4(report) + _groups(logged, align) + thinned


def _label(stage: str) -> str:
    return stage.partition("[")[2].removesuffix("]") or stage


def _figure4(report: Mapping[str, Any]) -> str:
    panels = [panel for panel in report["figure4"] if panel["series"]]
    if not panels:
        return ""
    names = list(dict.fromkeys(name for panel in panels for name in (*panel["series"], *panel["measured"])))
    styled, settings = styles_of(report, names), settings_of(report)
    drawn = [
        line_chart(f"{panel['title']}, {panel['unit']}", _shared(panel, settings, styled), sheet=WIDE, named=False)
        for panel in panels
    ]
    window = max(_window(panel) for panel in panels)
    said = "The curves of the DRDO paper's Figure 4, all students in the same pictures."
    said += " Bold: the mean over seeds; faint: each seed." if settings else ""
    if any(panel["measured"] for panel in panels):
        said += " A dot at the right edge is what the evaluation measured: on held-out pairs, and on samples."
    said += f" Drawn are means over {window} points around each; the JSON has the points." if window > 1 else ""
    about = bullets(f"{panel['title']}: {panel['about']}" for panel in panels)
    return (
        legend({name: styled[name] for name in dict.fromkeys(settings.get(name, name) for name in names)})
        + charts(drawn, "charts wide")
        + note(said)
        + folded("What exactly is plotted, and first and last values", about + table(_ends(panels, names)))
    )


def _window(panel: Mapping[str, Any]) -> int:
    return max(1, len(panel["step"]) // WINDOWS)


def _shared(panel: Mapping[str, Any], settings: Mapping[str, str], styled: Mapping[str, Style]) -> list[Line]:
    """Return a panel's curves: one a student; where there are several seeds, their means before the single ones."""
    unknown = [None] * len(panel["step"])
    groups: dict[str, list[Sequence[float | None]]] = {}
    ends: dict[str, list[float]] = {}
    for name in dict.fromkeys((*panel["series"], *panel["measured"])):
        setting = settings.get(name, name)
        groups.setdefault(setting, []).append(panel["series"].get(name, unknown))
        ends.setdefault(setting, []).extend([panel["measured"][name]["value"]] if name in panel["measured"] else [])
    window = _window(panel)

    def line(name: str, values: Iterable[float | None], *, is_faint: bool = False) -> Line:
        points = smooth(list(zip(panel["step"], values, strict=True)), window)
        return Line(name, points, styled[name], is_faint, None if is_faint else _mean(ends[name]))

    faint = [line(name, values, is_faint=True) for name, each in groups.items() if len(each) > 1 for values in each]
    return faint + [line(name, map(_mean, zip(*each, strict=True))) for name, each in groups.items()]


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _ends(panels: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Table:
    """Return the first and last point of each curve, and what the evaluation measured at the end."""
    rows = []
    for panel in panels:
        for name in names:
            known = [value for value in panel["series"].get(name, ()) if value is not None]
            measured = panel["measured"].get(name)
            if known or measured:
                ends = [number(known[at], 3) if known else NOTHING for at in (0, -1)]
                cells = [*ends, with_interval(measured, 3) if measured else NOTHING]
                rows.append([panel["title"], name, *cells, panel["unit"]])
    return Table("From the first point to the last", ["panel", "student", "first", "last", "measured", "unit"], rows)


def _groups(logged: Rows, align: Rows) -> str:
    oracles = {stage: row for stage, row in logged.items() if stage.startswith("oracle")}
    accuracy, margin = (_lines(oracles, metric) for metric in ("accuracy", "margin"))
    groups = {
        "Log-probabilities of chosen and rejected, student by student": _logps(align),
        "Reward margins, student by student": [
            _chart(f"{name}: mean margins", row, MARGINS) for name, row in align.items()
        ],
        "The gate (1 - p_w)^gamma": [_chart(f"Gate of {name}", row, GATE) for name, row in align.items()],
        "Oracles": [
            line_chart("Reward puts the chosen first, share of pairs", accuracy, y_range=SHARE),
            line_chart("Reward margin, chosen less rejected", margin),
        ],
        "Losses": [_chart(f"Loss of {stage}", row, {"loss": "loss"}) for stage, row in logged.items()],
        "Gradient norms": [_chart(f"Gradient norm of {name}", row, NORMS) for name, row in logged.items()],
        "Learning rates": [_chart(f"Learning rate of {stage}", row, {"lr": "rate"}) for stage, row in logged.items()],
    }
    return "".join(folded(title, charts(drawn)) for title, drawn in groups.items())


def _lines(rows: Rows, metric: str) -> list[Line]:
    return [_line(row, metric, stage) for stage, row in rows.items() if metric in row["series"]]


def _line(row: Mapping[str, Any], metric: str, name: str, style: Style | None = None) -> Line:
    return Line(name, list(zip(row["step"], row["series"][metric], strict=True)), style)


def _chart(
    title: str, row: Mapping[str, Any], metrics: Mapping[str, str], y_range: tuple[float, float] | None = None
) -> str:
    present = {metric: name for metric, name in metrics.items() if metric in row["series"]}
    return line_chart(title, [_line(row, metric, name) for metric, name in present.items()], y_range=y_range)


def _logps(align: Rows) -> list[str]:
    """Draw chosen and rejected of each student on one scale, so that the students can be compared."""
    values = [value for row in align.values() for metric in LOGPS for value in _known(row, metric)]
    if not values:
        return []
    shared = (min(values), max(values))
    return [_chart(f"{name}, nats a response", row, LOGPS, shared) for name, row in align.items()]


def _known(row: Mapping[str, Any], metric: str) -> Iterable[float]:
    return (value for value in row["series"].get(metric, ()) if value is not None)
