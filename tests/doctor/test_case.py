"""A stage as its files show it."""

from __future__ import annotations

import math

import pytest
from wards import evaluation, figure, join, steady, ward


def test_start_and_end_are_windows_of_the_log(tmp_path):
    """The first tenth and the last quarter of the steps; None of fewer than eight."""
    case = ward(tmp_path / "a", lines=steady(40))
    assert (case.start.first, case.start.last, case.end.first, case.end.last) == (1, 4, 31, 40)
    short = ward(tmp_path / "b", lines=steady(7))
    assert short.start is short.end is None


def test_settings_and_files_are_those_of_the_stage(tmp_path):
    """Training settings go by the kind of stage; a file that is not there, or is no mapping, is empty."""
    case = ward(tmp_path / "a", "oracle", files={"x.json": {"y": 1}, "list.json": [1]})
    assert case.training("learning_rate") == pytest.approx(3e-4)
    assert case.training("nothing") is None
    assert (case.document("x.json"), case.document("list.json"), case.document("none.json")) == ({"y": 1}, {}, {})


def test_a_file_is_read_once(tmp_path):
    """All findings see the same document, also where the file of a running stage changes between them."""
    case = ward(tmp_path / "a", files={"x.json": {"y": 1}})
    first = case.document("x.json")
    (case.folder / "x.json").write_text('{"y": 2}')
    assert case.document("x.json") is first


def test_evidence_says_where_it_was_read(tmp_path):
    """File, steps and values, with what was computed from them."""
    case = ward(tmp_path / "align-1", lines=steady(40))
    seen = case.logged(case.end, "chosen_logp", ratio=2.0)
    assert (seen.file, seen.steps) == ("align-1/metrics.jsonl", (31, 40))
    assert seen.values == {"chosen_logp": -50.0, "ratio": 2.0}
    assert math.isnan(case.logged(case.end, "nothing").values["nothing"])


def test_figures_come_at_the_usual_temperature_first(tmp_path):
    """0.7, then what is near it; those without a value are left out; all fields asked for must fit."""
    figures = [figure("a", 1.0, temperature=0.0), figure("a", 2.0), figure("a", 3.0, judge="x"), figure("a", None)]
    case = evaluation(tmp_path / "a", *figures)
    assert case.figure("a")["value"] == 2.0
    assert case.figure("a", judge="x")["value"] == 3.0
    assert case.figure("b") is None
    assert [one["value"] for one in case.figures("a")] == [2.0, 3.0, 1.0]


def test_evaluations_are_those_of_the_student(tmp_path):
    """Other readers are none; evaluations that are examined come before those of other specs."""
    student, other = ward(tmp_path / "a"), ward(tmp_path / "b", "publish")
    judged = join(evaluation(tmp_path / "e"), policy=student)
    join(other, artifact=student)
    assert student.evaluations() == [judged]
    asked = join(evaluation(tmp_path / "f"), policy=student)
    asked.asked = True
    assert student.evaluations() == [asked, judged]
