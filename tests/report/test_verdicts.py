"""What language models say of the students, as a table."""

from __future__ import annotations

from drdoctl.report.verdicts import verdicts_table


def figure(metric, value, count=40, low=None, high=None, **fields):
    """Return one figure of a judge."""
    base = {"unit": "", "against": "sft", "judge": "llm:gpt", "temperature": 0.7, "warnings": [], "p": None}
    return {"metric": metric, "value": value, "low": low, "high": high, "count": count, **base, **fields}


JUDGED = [
    figure("win_rate", 0.625, low=0.5, high=0.75, p=0.04),
    figure("flip_rate", 0.25),
    figure("first_position_rate", 0.6),
    figure("wins", 20.0),
    figure("ties", 10.0),
    figure("losses", 10.0),
    figure("unparsed", 3.0, count=83),
]


def report(*figures):
    """Return as much of a report as the table reads."""
    return {"students": [{"label": "dpo", "figures": list(figures)}]}


def test_one_row_for_each_comparison():
    """All that one judge says of one student against one baseline is one row, in words that a reader can check."""
    other = [{**one, "against": "reference", "temperature": 0.0} for one in JUDGED]
    found = verdicts_table(report(figure("win_rate", 0.9, judge="oracle"), *JUDGED, *other))
    assert found.rows == [
        ["dpo", "gpt", "sft", "0.7", "20 / 10 / 10", "62.5 [50.0, 75.0]", "0.040", "25.0", "60.0", "3 of 83"],
        ["dpo", "gpt", "reference", "greedy", "20 / 10 / 10", "62.5 [50.0, 75.0]", "0.040", "25.0", "60.0", "3 of 83"],
    ]
    assert len(found.columns) == len(found.rows[0])


def test_no_verdict_at_all():
    """Where no answer counted there is no rate, and the row says how many did not."""
    (row,) = verdicts_table(report(figure("wins", 0.0, 0), figure("unparsed", 80.0, 80))).rows
    assert row[4:] == ["0 / - / -", "-", "-", "-", "-", "80 of 80"]


def test_means_over_seeds_keep_a_digit():
    """A mean number of wins over seeds is no whole number."""
    (row,) = verdicts_table(report(figure("wins", 20.333), figure("win_rate", 0.5, warnings=["x"]))).rows
    assert row[4].startswith("20.3 /")
    assert row[5] == "50.0*"
