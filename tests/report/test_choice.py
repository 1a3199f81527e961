"""The table of what was picked."""

from __future__ import annotations

from test_headline import report

from drdoctl.report.choice import MOST, choice_table


def test_the_table_of_a_choice():
    """Each group's picked setting comes first and says of how many it is the best; losers follow with their figure."""
    table = choice_table(report())
    assert table.title == (
        "Chosen over rate by the largest mean of truth.reward (by truth, at temperature 0.7) on validation prompts"
    )
    assert table.rows == [
        ["dpo,rate=0.2", "3.000", "best of 2"],
        ["dpo,rate=0.1", "2.000", ""],
        ["ipo,rate=0.2", "3.000", "best of 2"],
        ["ipo,rate=0.1", "2.000", ""],
    ]
    assert choice_table({"selection": []}).rows == []


def test_a_large_choice_shows_what_was_picked():
    """With many settings only the picked ones have a row; shares are in percent."""
    whole = report()
    (group, *_) = whole["selection"]
    group = {**group, "metric": "win_rate", "unit": "share", "candidates": group["candidates"] * MOST}
    assert choice_table({"selection": [group]}).rows == [["dpo,rate=0.2", "300.0", f"best of {2 * MOST}"]]
