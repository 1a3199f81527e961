"""The section on what language models say of the students."""

from __future__ import annotations

from drdoctl.report.sections.verdicts import html

FIGURE = {
    "metric": "flip_rate", "value": 0.25, "low": None, "high": None, "unit": "share", "against": "sft",
    "judge": "llm:<gpt>", "temperature": 0.7, "count": 40, "warnings": [], "p": None,
}  # fmt: skip


def report(**changes):
    """Return as much of a report as the section reads."""
    return {"students": [{"label": "dpo", "figures": [{**FIGURE, **changes}]}]}


def test_it_is_there_where_a_language_model_was_asked():
    """The table is shown, escaped, with what its columns mean; without such a judge there is no section."""
    found = html(report())
    assert "25.0" in found
    assert "&lt;gpt&gt;" in found
    assert "half a win" in found
    assert html(report(judge="oracle")) == ""
    assert html(report(judge=None)) == ""
