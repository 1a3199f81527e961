"""Tables: the right numbers in the right cells, stamps beside them and spelled out below."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_house import make_house

from drdoctl.report.collect import collect
from drdoctl.report.summary import documents, summary
from drdoctl.report.tables import (
    Table,
    differences_table,
    number,
    students_table,
    with_interval,
)
from drdoctl.store.manifest import sealed


def test_summary_for_the_terminal(house):
    """The summary has one aligned row a student, the start model first, then differences, stamps and warnings."""
    text = summary(collect(house.store, house.plan), house.store, house.plan)
    lines = text.splitlines()
    assert lines[0] == "Students at temperature 0.7"
    assert lines[1].split("  ")[0] == "student"
    assert [line.split()[0] for line in lines[3:6]] == ["sft", "drdo", "dpo"]
    assert lines[4].split()[1:] == [
        *("3.69", "[3.59,", "3.79]", "0.50", "11.25", "75.0", "[70.0,", "80.0]*", "1.50", "[1.30,", "1.70]*", "70.0"),
    ]
    assert len({len(line) for line in lines[2:4]}) <= 2
    assert max(map(len, lines[:6])) <= 110
    assert "judge = teacher (the oracle that judges is the one that taught" in text
    assert "warning: the revision of `org/base` is not pinned" in text
    assert "95 %" in text
    assert "p between students is that of the mean difference, adjusted for all pairs of a judge (Holm)." in lines


def test_only_stamped_figures_carry_the_star(house):
    """A figure with a warning has a star; the same figure of a student without one has none."""
    table = students_table(collect(house.store, house.plan))
    row = {cells[0]: cells for cells in table.rows}
    at = table.columns.index("oracle: wins v sft, %")
    assert row["drdo"][at] == "75.0 [70.0, 80.0]*"
    assert row["dpo"][at] == "75.0 [70.0, 80.0]"
    assert row["sft"][at] == "-"


def test_every_figure_of_a_stamped_pair_carries_the_star(house):
    """The difference and both win rates are the judge's word; what a truth says of the same pair has no star."""
    table = differences_table(collect(house.store, house.plan))
    for cells in table.rows:
        figures = [cells[at] for at in (2, 4, 5) if cells[at] != "-"]
        assert {text.endswith("*") for text in figures} == {cells[1] == "oracle"}
    assert {cells[1] for cells in table.rows} == {"oracle", "truth"}


def test_other_temperatures(house):
    """A table can be had for every temperature, and names it."""
    report = collect(house.store, house.plan)
    assert students_table(report, 0.0).title == "Students, greedy"
    assert differences_table(report, 0.0).title.endswith("prompts, greedy")
    assert len(differences_table(report, 0.0).rows) == 2
    assert differences_table(report, 0.3).rows == []


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        (None, "-"),
        ({"value": None, "low": None, "high": None}, "-"),
        ({"value": 1.239, "low": None, "high": None}, "1.24"),
        ({"value": -0.001, "low": -1.0, "high": 1.0}, "0.00 [-1.00, 1.00]"),
    ],
)
def test_with_interval(entry, text):
    """A value has its interval where there is one, and zero never has a sign."""
    assert with_interval(entry) == text


@given(st.lists(st.lists(st.text("ab[]*, .", max_size=9), min_size=2, max_size=2), max_size=5))
def test_rows_line_up(rows):
    """Whatever the cells, every rendered line keeps the columns' places."""
    lines = Table("t", ["name", "value"], rows).render().split("\n")[1:]
    first = max(len(row[0]) for row in [["name"], *rows])
    assert all(line == line.rstrip() for line in lines)
    assert all(lines[2 + at].startswith(row[0].ljust(first).rstrip()) for at, row in enumerate(rows))


@given(st.floats(-1e9, 1e9), st.integers(0, 4))
def test_number_reads_back(value, digits):
    """A printed number is the number, rounded."""
    assert float(number(value, digits)) == pytest.approx(value, abs=0.51 * 10**-digits)


def test_files_for_other_programs_are_named(tmp_path):
    """What an eval left beside its figures is told with its path, after the tables; figures themselves are not."""
    house = make_house(tmp_path / "store")
    assert documents(house.store, house.plan) == []
    want = next(stage.want for stage in house.plan.stages if stage.want.id == "evaluate[dpo]")
    folder = house.store.path(want.artifact)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] |= {name: {"sha256": "", "size": 1} for name in ("answers.json", "x.parquet")}
    (folder / "manifest.json").write_text(json.dumps(sealed(manifest)))
    assert documents(house.store, house.plan) == [f"evaluate[dpo]: {folder / 'answers.json'}"]
    assert (
        summary(collect(house.store, house.plan), house.store, house.plan).splitlines()[-1]
        == f"evaluate[dpo]: {folder / 'answers.json'}"
    )
