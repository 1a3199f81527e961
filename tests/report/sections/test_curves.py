"""Curves: all students in the same pictures, seeds behind their mean, each stage by itself to be opened."""

import re

from page import body, tables, words

from drdoctl.report.sections import curves


def test_all_students_share_the_pictures(report):
    """Each panel of figure 4 that has data is drawn once, with every student's curve and one legend for all."""
    made = curves.html(report)
    shared = made.partition("<details")[0]
    assert shared.count("<figure") == sum(bool(panel["series"]) for panel in report["figure4"]) == 3
    assert shared.count('class="legend"') == 1
    assert "drdo from" in shared
    assert "dpo from" in shared


def test_what_was_measured_stands_at_the_end(report):
    """A student whose training saw no rewards has no curve of them, but a dot where its samples were judged."""
    panel = next(panel for panel in report["figure4"] if panel["metric"] == "oracle_advantage")
    panel["series"] = {"drdo": [0.1] * len(panel["step"])}
    panel["measured"] = {
        "drdo": {"value": 0.5, "low": None, "high": None},
        "dpo": {"value": 0.25, "low": 0.1, "high": 0.4},
    }
    shared, _, _ = curves.html(report).partition("<details")
    assert "dpo measured 0.25" in shared
    assert "A dot at the right edge" in shared
    rows = next(rows for rows in tables(body(curves.html(report))) if rows[0][0] == "panel")
    (row,) = [row for row in rows if row[:2] == ["Oracle reward advantage", "dpo"]]
    assert row[2:4] == ["-", "-"]
    assert row[4].startswith("0.250")


def test_every_stage_can_be_looked_at(report):
    """Losses of all stages, the gate only where it was logged, the oracle's accuracy; bins are told."""
    captions = [words(node) for node in body(curves.html(report)).iter("figcaption")]
    assert {"Loss of sft", "Loss of oracle", "Loss of align[drdo]", "Gate of drdo"} <= set(captions)
    assert "Gate of dpo" not in captions
    assert "Reward puts the chosen first, share of pairs" in captions
    assert "a mean over up to 3 steps" in curves.html(report)


def test_a_label_may_end_in_a_bracket(report):
    """A split of several steps is part of a student's label, as it is written."""
    row = next(row for row in report["curves"] if row["stage"] == "align[drdo]")
    row["stage"] = 'align[drdo,split=["easy"]]'
    captions = [words(node) for node in body(curves.html(report)).iter("figcaption")]
    assert 'Gate of drdo,split=["easy"]' in captions


def test_first_and_last_values_are_numbers(report):
    """What the pictures show is there as text: a row for each panel and student."""
    rows = next(rows for rows in tables(body(curves.html(report))) if rows[0][0] == "panel")
    assert ["Log-probability of the preferred response", "dpo"] in [row[:2] for row in rows]


def test_students_share_the_log_probability_scale(report):
    """Chosen and rejected of different students are drawn between the same ticks."""
    low = next(row for row in report["curves"] if row["stage"] == "align[dpo]")
    low["series"]["rejected_logp"][-1] = -400.0
    folded = curves.html(report).partition("student by student")[2].partition("</details>")[0]
    assert folded.count(">-400</text>") == 2


def test_seeds_stand_behind_their_mean(report):
    """Students of one setting are faint, their mean is not, and the legend names the setting alone."""
    report["over_seeds"] = [{"label": "both", "seeds": [0, 1], "students": ["drdo", "dpo"], "figures": []}]
    shared = curves.html(report).partition("<details")[0]
    panels = shared.count("<figure")
    assert len(re.findall(r'class="line faint', shared)) == 2 * panels
    assert len(re.findall(r'<path class="line c', shared)) == panels
    assert "each seed" in shared


def test_nothing_from_nothing(report):
    """Without logs there is no section."""
    assert curves.html(report | {"curves": [], "figure4": []}) == ""
