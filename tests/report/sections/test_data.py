"""The data: what was read, kept and dropped."""

from page import body, tables

from drdoctl.report.sections import data


def test_counts_and_facts(report):
    """Counts are a column for each part, other facts a list."""
    counts, facts = tables(body(data.html(report)))[:2]
    assert counts[0] == ["of each part", "train"]
    assert ["kept", "1,000"] in counts
    assert ["template", "none"] in facts


def test_no_data_no_section(report):
    """Without the data stage's report there is no section."""
    assert data.html(report | {"data": {}}) == ""
