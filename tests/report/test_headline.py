"""The main tables of a matrix: picked students, test figures, one row for all seeds."""

from __future__ import annotations

from grid_house import grid, plan, student, students
from test_seeds import SEEDS, VALUES, difference

from drdoctl.report.headline import headline
from drdoctl.report.seeds import differences_over_seeds, members, over_seeds
from drdoctl.report.selection import selection
from drdoctl.report.tables import differences_table, students_table


def report(seeds=SEEDS, choose=True):
    """Return what `headline` reads of a report of two methods, two rates and seeds."""
    made = grid(seeds=seeds) if choose else grid(seeds=seeds, choice=None)
    rows = [student("sft"), *students({key: value for key, value in VALUES.items() if key[2] in seeds})]
    found = members(plan(made), rows)
    differences = [
        difference(seed, 1.0, ("dpo", first), ("ipo", second))
        for first in (0.1, 0.2)
        for second in (0.1, 0.2)
        for seed in seeds
    ]
    shown = [{"student": row.label} for row in rows]
    return {
        "spec": {},
        "students": [row.model_dump() for row in rows],
        "differences": [row.model_dump() for row in differences],
        "over_seeds": [row.model_dump() for row in over_seeds(found)],
        "differences_over_seeds": [row.model_dump() for row in differences_over_seeds(found, differences)],
        "selection": [row.model_dump() for row in selection(made, rows)],
        "lengths": shown,
        "clouds": shown,
        "generations": [{"id": "p", "responses": shown}],
    }


def test_what_was_not_picked_is_left_out():
    """One row for each picked setting, the start model first, with test figures and their count of seeds."""
    shown = headline(report())
    assert [row["label"] for row in shown["students"]] == ["sft", "dpo,rate=0.2", "ipo,rate=0.2"]
    (figure,) = shown["students"][1]["figures"]
    assert (figure["part"], figure["value"], figure["sd"], figure["count"]) == ("test", 0.0, 0.0, 3)
    assert [(row["first"], row["second"]) for row in shown["differences"]] == [("dpo,rate=0.2", "ipo,rate=0.2")]


def test_single_students_are_those_of_the_first_seed():
    """Responses, lengths and clouds are of one seed's picked students."""
    shown = headline(report())
    names = ["sft", "dpo,rate=0.2,seed=0", "ipo,rate=0.2,seed=0"]
    assert [row["student"] for row in shown["lengths"]] == names
    assert [row["student"] for row in shown["generations"][0]["responses"]] == names


def test_tables_say_over_what_they_are():
    """Over seeds a row has its standard deviation and counts seeds; over prompts it counts prompts."""
    seeds, prompts = headline(report()), headline(report(seeds=(0,)))
    assert students_table(seeds).rows[1][1] == "0.00 ± 0.00 [0.00, 0.00]"
    assert differences_table(seeds).columns[-1] == "seeds"
    assert differences_table(seeds).rows[0][-1] == "3"
    assert differences_table(prompts).columns[-2:] == ["at like length, %", "prompts"]
    assert "±" not in students_table(prompts).rows[1][1]


def test_without_choice_and_seeds_nothing_changes():
    """A report of one seed in which nothing is chosen is shown as it is."""
    whole = report(seeds=(0,), choose=False)
    for row in whole["students"]:
        row["figures"] = [{**figure, "part": None} for figure in row["figures"]]
    assert headline(whole) == whole


def test_p_values_are_adjusted_for_the_pairs_that_are_left():
    """What was ruled out on validation prompts is no comparison any more."""
    whole = report(seeds=(0,))
    whole["differences"] = [{**row, "p": 0.02, "p_holm": 0.08} for row in whole["differences"]]
    (row,) = headline(whole)["differences"]
    assert row["p_holm"] == 0.02
    assert whole["differences"][0]["p_holm"] == 0.08


def test_over_seeds_a_judge_is_all_of_its_models():
    """An oracle for each seed is the same for two settings; one setting with others of its own is told apart."""
    told = report(choose=False)
    for row in told["students"]:
        seed = row["label"].partition("seed=")[2]
        row["judged_by"] = {"oracle": ("own" if "ipo" in row["label"] else "") + seed, "fair": "one"}
    shown = {row["label"]: row["judged_by"] for row in headline(told)["students"]}
    assert shown["dpo,rate=0.1"] == shown["dpo,rate=0.2"] == {"oracle": "0 1 2", "fair": "one"}
    assert shown["ipo,rate=0.1"] == {"oracle": "own0 own1 own2", "fair": "one"}
