"""The terminal's tables are those of the collected report."""

from drdoctl.report.collect import collect
from drdoctl.report.summary import MOST, summary, summary_of


def test_summary_is_of_the_collected_report(house):
    """A plan's summary and its report's are the same text."""
    assert summary(house.store, house.plan) == summary_of(collect(house.store, house.plan))


def test_long_tables_are_cut_and_counted(house):
    """More rows than a screen wants are counted, not printed."""
    report = collect(house.store, house.plan)
    row = report["students"][0]
    many = [{**row, "label": f"m{place}"} for place in range(MOST + 3)]
    assert "… and 3 more in the report" in summary_of(report | {"students": many, "differences": []})
