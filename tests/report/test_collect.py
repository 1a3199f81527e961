"""Collecting a report: everything that is finished, nothing invented, the same each time."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from report_house import LABELS, STAMP, TRUE_REWARD, make_house, scores

from drdoctl.report import collect as collection
from drdoctl.report.collect import collect
from drdoctl.report.curves import POINTS
from drdoctl.report.generations import PROMPTS
from drdoctl.report.ways import headline_way, is_start


def test_the_same_store_gives_the_same_report(house):
    """Two collections are equal to the byte, and are strict JSON."""
    first, second = (json.dumps(collect(house.store, house.plan), allow_nan=False) for _ in range(2))
    assert first == second


def test_students_come_in_order_with_their_figures(house):
    """The start model is first, and each student has its policy's stage and all figures, null ones too."""
    report = collect(house.store, house.plan)
    assert [row["label"] for row in report["students"]] == list(LABELS)
    assert [row["policy"] for row in report["students"]] == ["sft", "align[drdo]", "align[dpo]"]
    assert report["students"][0]["figures"][-1]["value"] is None


def test_a_figure_that_two_evals_give_is_there_once(tmp_path):
    """Evaluations of before measured what two evals share for each of them."""
    house = make_house(tmp_path, twice=True)
    for row in collect(house.store, house.plan)["students"]:
        assert [figure for at, figure in enumerate(row["figures"]) if figure in row["figures"][:at]] == []


def test_differences_are_paired(house):
    """The difference of two aligned students is the mean over shared prompts, by each judge and way of sampling."""
    found = {(row["judge"], row["temperature"]): row for row in collect(house.store, house.plan)["differences"]}
    assert set(found) == {("truth", 0.0), ("truth", 0.7), ("oracle", 0.0), ("oracle", 0.7)}
    row, values = found["truth", 0.7], scores("drdo") - scores("dpo")
    assert (row["first"], row["second"], row["count"]) == ("drdo", "dpo", len(values))
    assert row["mean"] == pytest.approx(values.mean())
    assert row["low"] < row["mean"] < row["high"]
    assert row["win_rate"] == pytest.approx(((np.sign(values) + 1) / 2).mean())
    assert found["oracle", 0.7]["mean"] == pytest.approx(values.mean() / 2)
    assert row["mean"] == pytest.approx(TRUE_REWARD["drdo"] - TRUE_REWARD["dpo"], abs=0.3)


def test_students_of_two_oracles_are_not_compared(tmp_path):
    """A second oracle of other weights judges one of two students: compared by the truth alone, with one warning."""
    house = make_house(tmp_path, oracles={"dpo": 2})
    report = collect(house.store, house.plan)
    assert {row["judge"] for row in report["differences"]} == {"truth"}
    assert [text.split(",")[0] for text in report["warnings"]][2:] == ["judge `oracle` is 2 models here"]
    assert report["answer"][2].startswith("By the oracle, students cannot be ranked")
    same = make_house(tmp_path / "same", oracles={"dpo": 1})
    assert {row["judge"] for row in collect(same.store, same.plan)["differences"]} == {"truth", "oracle"}


def test_warnings_are_never_lost(house):
    """The plan's, the stages' and the figures' warnings are all in the report, each once."""
    warnings = collect(house.store, house.plan)["warnings"]
    assert warnings == ["the revision of `org/base` is not pinned", STAMP]


def test_a_doubt_of_one_student_names_it(house):
    """Two students' doubts in the same words would be one; stamps, and what all have, stay as they are."""

    def student(label, *texts):
        return SimpleNamespace(label=label, warnings=[], figures=[SimpleNamespace(warnings=texts)])

    rows = [student("dpo", STAMP, "9 of 24 answers", "both"), student("drdo", "7 of 24 answers", "both")]
    found = collection._warnings(house.plan, [], rows)[len(house.plan.warnings) :]
    assert found == [STAMP, "dpo: 9 of 24 answers", "both", "drdo: 7 of 24 answers"]
    assert collection._warnings(house.plan, [], rows[1:])[-2:] == ["7 of 24 answers", "both"]


def test_curves_are_means_of_bins(house):
    """Long logs are thinned to means; a number that is not finite is left out of its mean; gate_sd is derived."""
    curves = {row["stage"]: row for row in collect(house.store, house.plan)["curves"]}
    assert list(curves) == ["sft", "oracle", "align[drdo]", "align[dpo]"]
    row = curves["align[drdo]"]
    assert row["every"] == 3
    assert len(row["step"]) <= POINTS
    assert row["step"][:2] == [3, 6]
    assert row["step"][-1] == 250
    assert row["series"]["chosen_logp"][0] == pytest.approx(-10 - 2 / 50)
    assert row["series"]["grad_norm"][1] == 1.0
    assert row["series"]["gate_sd"][0] == pytest.approx(0.1)
    assert "gate_sd" not in curves["align[dpo]"]["series"]


def test_generations_are_evenly_spaced_and_whole(house):
    """The prompts shown are spread over the list, each with the reference and every student's response and scores."""
    shown = collect(house.store, house.plan)["generations"]
    assert [row["id"] for row in shown] == [f"p{index * 5}" for index in range(PROMPTS)]
    assert [row["student"] for row in shown[1]["responses"]] == ["reference", *LABELS]
    assert shown[1]["responses"][2]["text"] == "drdo says t0.7-p0.8-n9 5"
    assert shown[1]["responses"][2]["scores"]["truth.reward"] == pytest.approx(scores("drdo")[5])
    assert not shown[1]["responses"][2]["ended"]


def test_unfinished_stages_are_named(tmp_path):
    """What is not finished is named, and the rest is still reported."""
    house = make_house(tmp_path / "store", leave_out=("evaluate[dpo]", "align[dpo]"))
    report = collect(house.store, house.plan)
    assert report["missing"] == ["align[dpo]", "evaluate[dpo]"]
    assert [row["label"] for row in report["students"]] == ["sft", "drdo"]
    assert report["differences"] == []
    empty = make_house(tmp_path / "empty", leave_out=tuple(house.wants))
    assert collect(empty.store, empty.plan)["students"] == []


def test_start_models():
    """Several start models of one matrix are told from students that happen to be called alike."""
    assert is_start("sft")
    assert is_start("sft,seed=1")
    assert not is_start("align-sft")
    assert not is_start("sft-like")


@pytest.mark.parametrize(
    ("found", "way"),
    [
        ([("a", 0.0), ("b", 0.7), ("c", 0.9)], "b"),
        ([("a", 0.0), ("b", 0.2), ("c", 0.5), ("d", 0.9)], "c"),
        ([("a", 0.0), ("reference", None)], "a"),
        ([], None),
    ],
)
def test_headline_way(found, way):
    """Temperature 0.7 stands for all; else the middle one above 0; else greedy; else nothing does."""
    assert headline_way(found) == way
