"""The report's charts: which curves are drawn together, and which scale they share."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from drdoctl.report.plots import Line, Mark, interval_chart, line_chart
from drdoctl.report.tables import figure, headline_temperature, temperatures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LOGPS = {"chosen_logp": "chosen", "rejected_logp": "rejected"}
GATE = {"gate": "mean", "gate_sd": "standard deviation"}
STUDENT_ACCURACY = "implicit_accuracy"
HEAD_ACCURACY = "r_hat_accuracy"
SHARE = (0.0, 1.0)


def curves(report: Mapping[str, Any]) -> str:
    """Return the charts of what training logged, by topic; "" where nothing was."""
    logged = {row["stage"]: row for row in report["curves"]}
    align = {stage: row for stage, row in logged.items() if stage.startswith("align")}
    groups = {
        "Losses": [_chart(f"Loss of {stage}", row, {"loss": "loss"}) for stage, row in logged.items()],
        "Log-probabilities of the training pairs": _logps(align),
        "Accuracies on the training pairs": _accuracies(logged, align),
        "The gate (1 - p_w)^gamma": [_chart(f"Gate of {stage}", row, GATE) for stage, row in align.items()],
    }
    machinery = "".join(
        chart
        for stage, row in logged.items()
        for chart in (
            _chart(f"Gradient norm of {stage}", row, {"grad_norm": "norm"}),
            _chart(f"Learning rate of {stage}", row, {"lr": "rate"}),
        )
    )
    out = []
    for title, charts in groups.items():
        drawn = "".join(charts)
        if drawn:
            out.append(f'<h3>{title}</h3><div class="charts">{drawn}</div>')
    if logged and out:
        every = max(row["every"] for row in logged.values())
        if every > 1:
            out.append(f'<p class="note">Each point is a mean over up to {every} steps.</p>')
    if machinery:
        title = "<summary>Gradient norms and learning rates</summary>"
        out.append(f'<details>{title}<div class="charts">{machinery}</div></details>')
    said = [f"<li>{escape(row['stage'])}: {escape(text)}</li>" for row in logged.values() for text in row["diagnosis"]]
    if said:
        out.append(f'<h3>What the logs say</h3><ul class="said">{"".join(said)}</ul>')
    return "".join(out)


def _line(row: Mapping[str, Any], metric: str, name: str, style: int | None = None) -> Line:
    return Line(name, list(zip(row["step"], row["series"].get(metric, [None] * len(row["step"])), strict=True)), style)


def _chart(
    title: str, row: Mapping[str, Any], metrics: Mapping[str, str], y_range: tuple[float, float] | None = None
) -> str:
    present = {metric: name for metric, name in metrics.items() if metric in row["series"]}
    return line_chart(title, [_line(row, metric, name) for metric, name in present.items()], y_range=y_range)


def _logps(align: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Draw chosen and rejected of each student on one scale, so that the students can be compared."""
    values = [value for row in align.values() for metric in LOGPS for value in _known(row, metric)]
    if not values:
        return []
    shared = (min(values), max(values))
    return [_chart(f"log π of {stage}, nats a response", row, LOGPS, shared) for stage, row in align.items()]


def _known(row: Mapping[str, Any], metric: str) -> Iterable[float]:
    return (value for value in row["series"].get(metric, ()) if value is not None)


def _accuracies(logged: Mapping[str, Mapping[str, Any]], align: Mapping[str, Mapping[str, Any]]) -> list[str]:
    def lines(rows: Mapping[str, Mapping[str, Any]], metric: str) -> Sequence[Line]:
        return [_line(row, metric, stage, place) for place, (stage, row) in enumerate(rows.items())]

    oracles = {stage: row for stage, row in logged.items() if stage.startswith("oracle")}
    return [
        line_chart("Oracle: reward puts the chosen first", lines(oracles, "accuracy"), y_range=SHARE),
        line_chart("Student: implicit reward puts the chosen first", lines(align, STUDENT_ACCURACY), y_range=SHARE),
        line_chart("Student: r̂ puts the chosen first", lines(align, HEAD_ACCURACY), y_range=SHARE),
    ]


def results(report: Mapping[str, Any]) -> str:
    """Return the main figures as dots with intervals, and by temperature where there are several; "" without any."""
    at = headline_temperature(report)
    place = "greedy" if at == 0 else f"temperature {at:g}" if at is not None else ""
    out = []
    for title, metric, unit, zero, where in (
        ("True reward", "truth.reward", "reward", None, {}),
        ("Win rate v sft, judge oracle", "win_rate", "share of prompts", 0.5, {"judge": "oracle", "against": "sft"}),
        ("Reward over sft, judge oracle", "mean_difference", "reward", 0.0, {"judge": "oracle", "against": "sft"}),
        ("Win rate v reference, judge oracle", "win_rate", "share of prompts", 0.5,
         {"judge": "oracle", "against": "reference"}),
    ):  # fmt: skip
        out.append(interval_chart(f"{title}, {place}", _marks(report, metric, where | {"temperature": at}), unit, zero))
        if len(temperatures(report)) > 2:
            out.append(line_chart(f"{title}, by temperature", _by_temperature(report, metric, where), "temperature"))
    drawn = "".join(out)
    return f'<div class="charts">{drawn}</div>' if drawn else ""


def _marks(report: Mapping[str, Any], metric: str, where: Mapping[str, Any]) -> list[Mark]:
    found = [(student["label"], figure(student, metric, **where)) for student in report["students"]]
    return [
        Mark(label, entry["value"], entry["low"], entry["high"])
        for label, entry in found
        if entry and entry["value"] is not None
    ]


def _by_temperature(report: Mapping[str, Any], metric: str, where: Mapping[str, Any]) -> list[Line]:
    lines = []
    for place, student in enumerate(report["students"]):
        found = [(at, figure(student, metric, temperature=at, **where)) for at in temperatures(report)]
        points = [(at, entry["value"]) for at, entry in found if entry]
        if len(points) > 1:
            lines.append(Line(student["label"], points, place))
    return lines
