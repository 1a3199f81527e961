"""The section on what language models say of the students."""

from __future__ import annotations

from drdoctl.report.sections.verdicts import html

FIGURE = {
    "metric": "flip_rate", "value": 0.25, "low": None, "high": None, "unit": "share", "against": "sft",
    "judge": "llm:<gpt>", "temperature": 0.7, "count": 40, "warnings": [], "p": None, "part": None,
}  # fmt: skip
EMPTY = ("selection", "over_seeds", "differences", "differences_over_seeds", "lengths", "clouds", "generations")


def report(**changes):
    """Return as much of a report as the section reads."""
    return {"students": [{"label": "dpo", "figures": [{**FIGURE, **changes}]}], **{name: [] for name in EMPTY}}


def test_it_is_there_where_a_language_model_was_asked():
    """The table is shown, escaped, with what its columns mean; without such a judge there is no section."""
    found = html(report())
    assert "25.0" in found
    assert "&lt;gpt&gt;" in found
    assert "half a win" in found
    assert html(report(judge="oracle")) == ""
    assert html(report(judge=None)) == ""


def test_it_shows_what_the_other_tables_show():
    """With `select`: test figures alone, of the students that were picked, as in the terminal."""
    parts = [{**FIGURE, "value": value, "part": part} for part, value in (("test", 0.125), ("validation", 0.75))]
    settings = [{"setting": name, "students": [name]} for name in ("dpo,beta=0.1", "dpo,beta=0.2")]
    found = html(
        report()
        | {
            "students": [{"label": row["setting"], "figures": parts} for row in settings],
            "selection": [{"picked": "dpo,beta=0.1", "candidates": settings}],
        }
    )
    assert "12.5" in found
    assert "75.0" not in found
    assert found.count("&lt;gpt&gt;") == 1
