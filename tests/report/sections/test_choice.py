"""The section of what was picked."""

from __future__ import annotations

from drdoctl.report.sections.choice import html

CANDIDATE = {"values": {}, "students": [], "per_seed": [], "test": None}
GROUP = {
    "group": "dpo",
    "metric": "truth.reward",
    "goal": "max",
    "unit": "reward",
    "over": ["method.beta"],
    "picked": "dpo,beta=<2>",
    "candidates": [
        {**CANDIDATE, "setting": "dpo,beta=1", "validation": 1.0, "picked": False},
        {**CANDIDATE, "setting": "dpo,beta=<2>", "validation": 2.0, "picked": True},
    ],
}


def test_every_candidate_has_a_row():
    """The picked setting comes first, and what a spec says is escaped."""
    made = html({"selection": [GROUP]})
    assert made.index("best of 2") < made.index("1.000")
    assert "&lt;2&gt;" in made
    assert "<2>" not in made


def test_without_a_choice_there_is_no_section():
    """Where nothing is chosen the section is left out."""
    assert html({"selection": []}) == ""
