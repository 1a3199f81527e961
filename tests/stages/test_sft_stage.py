"""The sft stage's slice of the spec."""

from __future__ import annotations


def test_the_slice(world):
    """SFT reads its own settings, the student's arithmetic and the seed; which rows is the data stage's business."""
    sft = next(want for want in world.wants() if want.id == "sft")
    assert {key.rpartition(".")[0] for key in sft.settings} == {"student.sft", "student", ""}
    assert "student.sft.rows" not in sft.settings
    assert list(sft.inputs) == ["data"]
    assert list(sft.externals) == ["student.model"]


def test_no_sft_no_stage(world):
    """With `student.sft: false` there is none."""
    assert "sft" not in {want.kind for want in world.wants("student.sft=false")}


def test_an_adapter_is_part_of_the_name_and_merging_is_not(world):
    """Rank, targets and rounding name the stage's artifact, `merge` does not; without `lora` nothing moved."""

    def name(*sets):
        return next(want.artifact for want in world.wants(*sets) if want.id == "sft")

    plain, adapted = name(), name("student.lora={}")
    assert len({plain, adapted, name("student.lora.rank=4"), name("student.lora.quantize=nf4")}) == 4
    assert adapted == name("student.lora.merge=false") == name("student.lora.target=[all-linear]")
    assert not any("lora" in key for want in world.wants() for key in want.settings)


def test_what_reads_an_adapter_is_given_its_base(world):
    """After SFT's adapter come its readers with the base's location and hash; a merged student needs none."""
    for merge in ("true", "false"):
        stages = {want.id: want for want in world.wants("method=dpo", f"student.lora.merge={merge}")}
        readers = ["logps", "align[dpo]", "evaluate[sft]", *(["evaluate[dpo]"] if merge == "false" else [])]
        for one in ("sft", "logps", "align[dpo]", "evaluate[sft]", "evaluate[dpo]"):
            there = one == "sft" or one in readers
            assert ("student.model" in stages[one].locations) == there, one
            assert ("student.model" in stages[one].externals) == there, one


def test_a_reference_without_sft_is_rounded_as_the_student_is(world):
    """With `quantize: nf4` and no SFT, the cached reference is the rounded base: DPO begins at ln 2."""
    stages = {want.kind: want for want in world.wants("student.sft=false", "method=dpo", "student.lora.quantize=nf4")}
    assert stages["logps"].settings["student.lora.quantize"] == "nf4"
    assert "student.lora.rank" not in stages["logps"].settings
