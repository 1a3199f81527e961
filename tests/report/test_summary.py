"""The terminal's tables are those of the collected report."""

from drdoctl.report.collect import collect
from drdoctl.report.summary import MOST, summary, summary_of


def test_summary_is_of_the_collected_report(house):
    """Where no eval left a file for other programs, the text is the tables alone."""
    found = collect(house.store, house.plan)
    assert summary(found, house.store, house.plan) == summary_of(found)


def test_long_tables_are_cut_and_counted(house):
    """More rows than a screen wants are counted, not printed."""
    report = collect(house.store, house.plan)
    row = report["students"][0]
    many = [{**row, "label": f"m{place}"} for place in range(MOST + 3)]
    assert "… and 3 more in the report" in summary_of(report | {"students": many, "differences": []})
