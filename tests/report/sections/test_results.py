"""The grid of results: numbers with their intervals, drawn and as text; seeds as rings; every figure to be found."""

import re

from page import body, tables, words

from drdoctl.report.sections import results


def test_main_figures_have_their_intervals(report):
    """The grid and the charts show value and interval; the stamp stays beside its number."""
    root = body(results.html(report))
    row = next(row for row in tables(root)[0] if row[0] == "drdo")
    assert "75.0* [70.0, 80.0]" in row
    assert "True reward" in [words(node) for node in root.iter("figcaption")]
    assert "reward, temperature 0.7" in words(root)


def test_every_figure_is_there(report):
    """Each figure of each student is a row of the folded tables."""
    made = tables(body(results.html(report)))
    count = sum(len(student["figures"]) for student in report["students"])
    assert sum(len(rows) - 1 for rows in made if rows[0][0] == "metric") == count


def test_by_temperature_only_where_there_are_more_than_two(report):
    """Two temperatures are two tables; three are a curve."""
    assert "by temperature" not in results.html(report)
    for student in report["students"]:
        student["figures"] += [{**row, "temperature": 1.0} for row in student["figures"] if row["temperature"] == 0.0]
    assert "True reward, by temperature" in results.html(report)


def test_seeds_are_rings_around_their_mean(report):
    """Over seeds the mean has its interval over seeds, each seed is a ring, and single students are folded away."""
    figure = {
        **dict.fromkeys(("against", "part")),
        "metric": "truth.reward",
        "judge": "truth",
        "temperature": 0.7,
        "unit": "reward",
        "warnings": [],
        "values": [4.0, 5.0],
        "mean": 4.5,
        "sd": 0.7,
        "low": 4.0,
        "high": 5.0,
        "count": 2,
    }
    report["over_seeds"] = [
        {"label": "both", "seeds": [0, 1], "students": ["drdo", "dpo"], "figures": [figure]},
    ]
    made = results.html(report)
    assert len(re.findall(r'class="one c\d"', made)) == 2
    assert "4.50 <small>± 0.70</small> <small>[4.00, 5.00]</small>" in made
    assert "Every student by itself" in made


def test_nothing_measured_is_said(report):
    """Without students there is one sentence and no table."""
    assert results.html(report | {"students": []}) == "<p>No evaluation is finished yet.</p>"
