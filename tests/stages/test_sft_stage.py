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
