"""Judges beside the oracle: what makes them, who reads them, and what is stamped."""

from __future__ import annotations

import pytest
from plan_world import write_model

from drdoctl.core.words import LABELLER, TEACHER

ASKED = "evaluate=[{name: win-rate, judge: fair, temperatures: [0.7]}]"
JUDGE = ("judges={fair: {model: ./base, global_batch: 4}}", "data.judge_fraction=0.3", ASKED)


def stages(world, *sets):
    """Return all stages by id."""
    return {want.id: want for want in world.wants(*sets)}


@pytest.fixture
def finished(world):
    """Put a finished reward model beside the base."""
    shape = {"architectures": ["LlamaForSequenceClassification"], "num_labels": 1}
    return write_model(world.root / "rm", fill=3, **shape)


def test_a_judge_trained_here_is_an_oracle_stage_on_rows_of_its_own(world):
    """It learns from the part `judge`, from another seed, and both evaluations read it beside the oracle."""
    found = stages(world, *JUDGE)
    judge, oracle = found["oracle[fair]"], found["oracle"]
    assert judge.settings["oracle.part"] == "judge"
    assert judge.settings["oracle.tokens"] == "student"
    assert judge.settings["oracle.seed"] != oracle.settings["oracle.seed"]
    assert "oracle.part" not in oracle.settings
    for name in ("evaluate[drdo]", "evaluate[sft]"):
        assert found[name].inputs["judge-fair"] is judge
    assert found["evaluate[drdo]"].warnings == ()
    assert "judges.fair.stamps" not in found["evaluate[drdo]"].settings


def test_students_of_any_split_have_the_same_judge(world):
    """A split and a cap are about what students see: the judge, and the stage it reads, stay what they were."""
    plain = stages(world, *JUDGE)["oracle[fair]"]
    found = stages(world, *JUDGE, "data.max_rows=20")
    assert found["oracle[fair]"].fingerprint == plain.fingerprint
    assert found["oracle[fair]"].inputs["data"].id == "data[all]"
    assert found["align[drdo]"].inputs["data"].id == "data"


def test_without_judges_every_name_is_what_it_was(world):
    """The fraction is left out of the data's settings where it is not given, and rows are only parted where it is."""
    assert "data.judge_fraction" not in stages(world)["data"].settings
    assert stages(world, *JUDGE)["data"].settings["data.judge_fraction"] == 0.3
    assert not [key for key in stages(world)["evaluate[drdo]"].settings if key.startswith("judges.")]


def test_a_finished_judge_is_read_where_it_lies(world, finished):
    """It needs no rows and no stage; its content is among what lies outside, under its name."""
    found = stages(world, "judges={fair: {model: ./rm}}", ASKED)
    want = found["evaluate[drdo]"]
    assert "oracle[fair]" not in found
    assert want.locations["judges.fair.model"]["path"] == str(finished)
    before = want.fingerprint
    write_model(finished, fill=4, architectures=["LlamaForSequenceClassification"], num_labels=1)
    changed = stages(world, "judges={fair: {model: ./rm}}", ASKED)["evaluate[drdo]"]
    assert changed.fingerprint != before


def test_a_judge_that_taught_is_stamped(world, finished):
    """Naming the very model that teaches makes nobody independent; a student that it did not teach is not stamped."""
    sets = ("judges={fair: {model: ./rm}}", "oracle={model: ./rm}", ASKED)
    assert stages(world, *sets)["evaluate[drdo]"].settings["judges.fair.stamps"] == [TEACHER]
    assert "judges.fair.stamps" not in stages(world, *sets)["evaluate[sft]"].settings
    both = "evaluate=[{name: win-rate}, {name: win-rate, judge: fair, temperatures: [0.7]}]"
    untaught = stages(world, *sets[:2], both, "method=dpo")["evaluate[dpo]"].settings
    assert "judges.fair.stamps" not in untaught


def test_a_judge_that_labelled_is_stamped(world, finished):
    """By another name too, what gave the pairs their labels says so, also of a student that it did not teach."""
    sets = ("judges={fair: {model: ./rm}}", "oracle={model: ./rm}", ASKED, "data.split=relabel")
    taught, untaught = (stages(world, *sets, f"method={name}")[f"evaluate[{name}]"] for name in ("drdo", "dpo"))
    assert taught.settings["judges.fair.stamps"] == [LABELLER, TEACHER]
    assert untaught.settings["judges.fair.stamps"] == [LABELLER]
    trained = stages(world, *JUDGE, "data.split=relabel")["evaluate[drdo]"]
    assert "judges.fair.stamps" not in trained.settings


def test_a_tokenizer_of_its_own_is_one_more_for_the_rows(world):
    """A judge that shares nobody's tokenizer reads columns of its own, which are named by the tokenizer's content."""
    other = write_model(world.root / "other")
    (other / "tokenizer.json").write_text((other / "tokenizer.json").read_text().replace("w31", "x31"))
    found = stages(world, "judges={fair: {model: ./other, global_batch: 4}}", *JUDGE[1:])
    who = found["oracle[fair]"].settings["oracle.tokens"]
    assert who.startswith("judge_")
    assert found["evaluate[drdo]"].settings["judges.fair.tokens"] == who
    assert f"{who}.tokenizer" in found["data"].externals
    assert found["data"].locations[f"{who}.tokenizer"]["path"] == str(other)
