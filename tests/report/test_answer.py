"""The answer in sentences: the best by the judge to be trusted most, who is as good, and the stamp right there."""

import pytest

from drdoctl.report.answer import answer, question
from drdoctl.report.collect import collect


@pytest.fixture
def report(house):
    """Return a report of its own."""
    return collect(house.store, house.plan)


def test_the_truth_comes_first(report):
    """The true reward names the best with its interval and the start model's; the oracle's word follows, stamped."""
    said = report["answer"]
    assert said[0] == (
        "By the true reward, `dpo` does best: 5.19 [5.09, 5.29] on 40 held-out prompts at temperature 0.7; "
        "the model it started from has 1.72 [1.62, 1.82]."
    )
    assert said[1] == "It is ahead of the other student by more than chance gives."
    assert said[2].startswith("By the oracle, `drdo` does best: it wins 75.0 % [70.0, 80.0] of the time against `sft`")
    assert "this judge was its teacher" in said[2]


def test_a_judge_is_not_doubted_for_its_name(report):
    """A doubt that names a judge is no stamp: who taught nobody is heard before the oracle that taught."""
    (oracle,) = (row for row in report["students"][1]["figures"] if row["metric"] == "win_rate" and row["temperature"])
    doubt = "llm:judge-7b v sft: in 9 of 10 prompts the two orders differ"
    report["students"][1]["figures"].append({**oracle, "judge": "llm:judge-7b", "warnings": [doubt]})
    told = [sentence.split(",")[0] for sentence in answer(report) if sentence.startswith("By")]
    assert told == ["By the true reward", "By `llm:judge-7b`"]


def test_who_is_as_good_is_named(report):
    """Where chance would give the difference too, the others are named and nobody is called ahead."""
    rows = [{**row, "p_holm": 0.4} for row in report["differences"]]
    assert answer(report | {"differences": rows})[1].startswith("It cannot be told apart from `drdo`")


def test_many_as_good_are_counted(report):
    """A long list of students as good is cut and counted."""
    student = report["students"][-1]
    more = [{**student, "label": f"m{at}"} for at in range(9)]
    row = report["differences"][0]
    ties = [
        {**row, "first": student["label"], "second": one["label"], "judge": "truth", "p_holm": 1.0, "temperature": 0.7}
        for one in more
    ]
    assert "and 3 more" in answer(report | {"students": [*report["students"], *more], "differences": ties})[1]


def test_without_a_truth_the_oracle_speaks_with_its_stamp(report):
    """Without a true reward the win rate is told, with the prompts it rests on and the teacher's stamp."""
    for student in report["students"]:
        student["figures"] = [row for row in student["figures"] if row["judge"] != "truth"]
    said = answer(report)
    assert said[0].startswith("By the oracle, `drdo` does best: it wins 75.0 % [70.0, 80.0] of the time against `sft`")
    assert " on 40 held-out prompts" in said[0]
    assert "teacher" in said[0]


def test_what_may_be_chance_is_said(report):
    """A win rate whose interval holds a half, and a best student below the model it started from."""
    for student in report["students"]:
        for row in student["figures"]:
            if row["metric"] == "win_rate":
                row |= {"low": 0.45, "high": 0.85}
            if row["metric"] == "truth.reward" and student["label"] == "sft":
                row["value"] = 9.0
    said = answer(report)
    assert "; but the model it started from has 9.00" in said[0]
    assert "of the time against `sft`, which may be chance (but: this judge" in said[2]
    for student in report["students"]:
        student["figures"] = [row for row in student["figures"] if row["judge"] != "truth"]
    assert " on 40 held-out prompts at temperature 0.7, which may be chance (but" in answer(report)[0]


def test_the_question(report):
    """The question names pairs, source and methods; one method makes another question, no student none."""
    assert report["question"] == "Which makes the best student on 1,000 preference pairs: `drdo` or `dpo`?"
    named = report | {"spec": {"data": {"source": {"name": "notes"}}}}
    assert "1,000 preference pairs of `notes`" in question(named)
    alone = report | {"students": report["students"][:2]}
    assert question(alone).startswith("How good is a student of `drdo`")
    nobody = report | {"students": report["students"][:1], "differences": []}
    assert question(nobody) == ""
    assert answer(nobody) == []


def test_students_of_several_models_are_not_ranked(report):
    """No one is best where each was judged by an oracle of its own; a judge that is one for all is heard before."""
    for student in report["students"]:
        student["judged_by"] = {"oracle": student["label"]}
    with_truth = answer(report)
    assert with_truth[0].startswith("By the true reward, `dpo` does best")
    assert with_truth[2] == "By the oracle, students cannot be ranked: not all were judged by the same model."
    for student in report["students"]:
        student["figures"] = [row for row in student["figures"] if row["judge"] != "truth"]
    assert answer(report) == with_truth[2:]
