"""Provenance: every stage, hash, version and count is told, in words a reader can use."""

import pytest

from drdoctl.report.collect import collect
from drdoctl.report.provenance import data_tables, duration, lead, size, tables


def test_tables(house):
    """Stages with what they took and what was expected; base models with their names and hashes; versions; machine."""
    report = collect(house.store, house.plan)
    found = {table.title: table for table in tables(report)}
    rows = {row[0]: row for row in found["Stages"].rows}
    assert list(rows) == list(house.wants)
    assert rows["sft"][1] == house.wants["sft"].artifact
    assert rows["evaluate[dpo]"][-1] == "data, align[dpo], oracle"
    assert found["Outside the store"].rows == [["student.model", "org/base", "ab" * 32]]
    assert "drdoctl" in [row[0] for row in found["Versions"].rows]
    assert "cpus" in [row[0] for row in found["Machine"].rows]
    assert "8 of 8 stages finished, 1 min 40 s of work" in lead(report)


def test_data_counts(house):
    """What was read, kept and dropped is a column for each part; other facts follow."""
    parts, rest = data_tables(collect(house.store, house.plan))
    assert (parts.columns, parts.rows) == (
        ["of each part", "train"],
        [["read", "1,200"], ["dropped, too-long", "200"], ["kept", "1,000"]],
    )
    assert rest.rows == [["template", "none"]]


def test_statistics_of_each_step():
    """What each step of a split left is a row for each part; what a second stage begins with is not said twice."""
    rows = [{"after": "all rows", "rows": 10, "mean_confidence": 0.25}, {"after": "hard", "rows": 5, "flipped": 1}]
    pairs = {"data[all]": {"train": rows[:1]}, "data": {"train": rows}}
    _, steps, _ = data_tables({"data": {"parts": {}}, "pairs": pairs})
    assert steps.columns == ["pairs", "rows", "mean confidence", "flipped"]
    assert steps.rows == [["train: all rows", "10", "0.25", "-"], ["train: hard", "5", "-", "1"]]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.04, "0.0 s"), (41.2, "41 s"), (725, "12 min 05 s"), (3599.6, "1 h 00 min"), (11220, "3 h 07 min")],
)
def test_duration(seconds, text):
    """Durations read like a person writes them."""
    assert duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (540_000_000, "540 MB")])
def test_size(count, text):
    """Sizes are decimal, as disks are sold."""
    assert size(count) == text
