"""Curves of one stage, and all students' curves on the same steps."""

from __future__ import annotations

import pytest

from drdoctl.report.curves import FIGURE4, POINTS, curves, figure4
from drdoctl.report.rows import FigureRow


def figure(metric, value, temperature=None, **fields):
    """Return a figure as a report has it."""
    rest = {"low": None, "high": None, "unit": "", "against": None, "judge": None, "count": 9, "warnings": []}
    return FigureRow.model_construct(metric=metric, value=value, temperature=temperature, **(rest | fields))


def test_spreads_and_correlations_come_from_moments():
    """Two steps of x and y in {-1, 1}, always alike: sd 1, correlation 1; what has no product has no correlation."""
    line = {"dr": 0.0, "dr_sq": 1.0, "r_hat_margin": 0.0, "r_hat_margin_sq": 1.0, "dr_x_r_hat_margin": 1.0}
    made = curves([{"step": step, **line} for step in (1, 2)], "align", ["said"])
    assert made.series["dr_sd"] == made.series["reward_correlation"] == [1.0, 1.0]
    assert "gate_length_correlation" not in made.series
    assert made.diagnosis == ["said"]


def test_a_stage_without_a_log_has_no_curves():
    """An artifact made elsewhere may have no log."""
    assert curves([], "align", []) is None


def test_students_share_their_steps():
    """A training of 300 steps and one of 150 lie on the same grid; the shorter one's curve ends where it ended."""
    long = [{"step": step, "chosen_logp": -step} for step in range(1, 301)]
    short = [{"step": step, "chosen_logp": -1.0} for step in range(1, 151)]
    panels = {panel.metric: panel for panel in figure4({"a": long, "b": short}, {})}
    assert list(panels) == [metric for metric, *_ in FIGURE4]
    chosen = panels["chosen_logp"]
    assert (len(chosen.step), chosen.step[0], chosen.step[-1]) == (POINTS, 3, 300)
    assert chosen.series["a"][:2] == [-2.0, -5.0]
    assert chosen.series["b"] == [-1.0] * 50 + [None] * 50
    assert panels["oracle_advantage"].series == {}


def test_the_end_is_measured_where_an_evaluation_did():
    """The advantage over references is the oracle's, at the temperature nearest 0.7; accuracy is of held-out pairs."""
    of = {"judge": "oracle", "against": "reference"}
    measured = [
        figure("mean_difference", 1.0, 0.2, **of),
        figure("mean_difference", 2.0, 0.7, **of),
        figure("mean_difference", 9.0, 0.7, judge="oracle", against="sft"),
        figure("implicit_accuracy", 0.6),
    ]
    panels = {panel.metric: panel for panel in figure4({"a": [{"step": 1, "implicit_accuracy": 0.5}]}, {"a": measured})}
    assert panels["oracle_advantage"].measured["a"].value == pytest.approx(2.0)
    assert panels["implicit_accuracy"].measured["a"].value == pytest.approx(0.6)
    assert panels["chosen_logp"].measured == {}


def test_without_students_there_is_no_figure():
    """A plan that aligns nothing has no panels."""
    assert figure4({}, {}) == []
