"""What stands under the tables: each warning once, what the star means, what is missing."""

from report_house import make_house

from drdoctl.core.words import NAMED
from drdoctl.report.cautions import STARRED, notes
from drdoctl.report.collect import collect
from drdoctl.report.summary import summary, summary_of


def test_a_warning_is_said_once_in_its_longest_form(house):
    """A stamp that a longer warning spells out is not repeated; every other warning is there."""
    report = collect(house.store, house.plan) | {
        "warnings": ["judge = teacher: `x` by `y`", "judge = teacher", "judge"]
    }
    warned = [text for text in notes(report) if text.startswith("warning")]
    assert warned == ["warning: judge = teacher: `x` by `y`", "warning: judge"]


def test_missing_stages_stand_below(tmp_path):
    """An unfinished stage is named under the tables; without any student only that is left."""
    house = make_house(tmp_path / "store", leave_out=("evaluate[dpo]",))
    assert "missing: `evaluate[dpo]` is not finished" in summary(
        collect(house.store, house.plan), house.store, house.plan
    )
    report = collect(house.store, house.plan) | {"students": [], "differences": [], "warnings": []}
    assert summary_of(report) == "missing: `evaluate[dpo]` is not finished; what rests on it is left out\n"
    assert notes(report | {"missing": []}) == []


def test_many_missing_stages_are_counted(house):
    """Of a matrix with hundreds of stages a line names the first."""
    missing = [f"align[m{number}]" for number in range(NAMED + 5)]
    (said,) = [text for text in notes(collect(house.store, house.plan) | {"missing": missing}) if "missing" in text]
    assert said.endswith("`align[m7]` and 5 more are not finished; what rests on them is left out")


def test_the_star_is_explained_where_there_is_one(house):
    """Without a starred figure in the tables nothing is said of stars."""
    report = collect(house.store, house.plan)
    assert STARRED in summary_of(report)
    drdo = next(row for row in report["students"] if row["label"] == "drdo")
    hidden = {**drdo, "figures": [{**row, "metric": f"other_{row['metric']}"} for row in drdo["figures"]]}
    unseen = report | {"students": [hidden], "differences": []}
    assert STARRED in notes(unseen)
    assert STARRED not in summary_of(unseen)
