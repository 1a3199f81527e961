"""How good the reward models are on labelled pairs: whether they are right, know when they are, and follow length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drdoctl.report.charts.dots import Axes, Cloud, dot_chart
from drdoctl.report.markup import charts, folded, note, table
from drdoctl.report.oracles import test_sets
from drdoctl.report.palette import METHODS, Style
from drdoctl.report.tables import NOTHING, Table, oracles_table, p_text, with_interval

TITLE = "Reward models"
PLACE = 80
STATED, OBSERVED = "reliability_stated", "reliability_observed"


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no eval looked at a reward model."""
    if not report["oracles"]:
        return ""
    drawn = [chart for row in report["oracles"] for chart in _reliability(row)]
    said = (
        "A reliability diagram sets how sure the rewards are, sigmoid of the margin, beside how often they are right; "
        "on the dashed line both are equal, below it the reward model is too sure of itself."
    )
    every = "".join(table(_figures(row)) for row in report["oracles"])
    return table(oracles_table(report)) + charts(drawn) + (note(said) if drawn else "") + folded("Every figure", every)


def _reliability(oracle: Mapping[str, Any]) -> Iterator[str]:
    """Yield the diagram of each set of pairs."""
    for test_set in test_sets(oracle):
        found = [one for one in oracle["figures"] if one["test_set"] == test_set and one["value"] is not None]
        stated = {one["group"]: one["value"] for one in found if one["metric"] == STATED}
        observed = [one for one in found if one["metric"] == OBSERVED and one["group"] in stated]
        points = [(stated[one["group"]], one["value"]) for one in observed]
        ends = [None if one["low"] is None else (one["low"], one["high"]) for one in observed]
        name = oracle["label"] + (f", {test_set}" if test_set else "")
        axes = Axes("how sure", "share of pairs right", (0.5, 1.0), (0.0, 1.0), diagonal=True)
        told = "; ".join(f"{at:.2f} sure, {right:.2f} right" for at, right in points)
        yield dot_chart(name, [Cloud(name, points, Style(METHODS - 1), True, up=ends, is_joined=True)], axes, told)


def _figures(oracle: Mapping[str, Any]) -> Table:
    rows = [
        [
            one["metric"],
            one["group"] or "all pairs",
            one["test_set"] or NOTHING,
            with_interval(one, 3),
            p_text(one["p"]),
            f"{one['count']:,}",
        ]
        for one in oracle["figures"]
    ]
    return Table(f"All figures of {oracle['label']}", ["metric", "of", "test set", "value", "p", "pairs"], rows)
