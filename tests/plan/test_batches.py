"""Batches larger than the data are told in the plan."""

import pytest

from drdoctl.plan.batches import crowded
from drdoctl.plan.sizes import Basis, Rows, Sizes
from drdoctl.stages import Want

DATA = Want("data", 1, {})
MANY, FEW = Rows(100, 4, 4, 4, 20, 2), Rows(12, 4, 4, 4, 20, 2)


def sft(batch):
    """Return a stage that trains with this batch."""
    return Want("sft", 1, {"student.sft.global_batch": batch}, {"data": DATA})


def align(batch, label):
    """Return a stage that aligns with this batch."""
    return Want("align", 1, {"train.global_batch": batch}, {"data": DATA}, label=label)


def basis(train, demonstrations):
    """Return what the plan knows of the data."""
    return Basis([], {DATA.fingerprint: Sizes(train, None, demonstrations, None)})


@pytest.mark.parametrize(("batch", "told"), [(12, 0), (13, 1)])
def test_more_rows_a_step_than_there_are(batch, told):
    """The setting, its value, the stage and the rows are named; a batch of all rows is none too many."""
    texts = crowded([DATA, align(batch, "dpo")], basis(FEW, MANY))
    assert len(texts) == told
    for text in texts:
        assert text.startswith("`train.global_batch` (13)")
        assert "`align[dpo]`" in text
        assert "(about 12)" in text


def test_each_setting_is_told_once_and_by_its_own_rows():
    """A matrix shares its settings; SFT has demonstrations of its own; what is not known is not doubted."""
    wants = [sft(64), align(64, "dpo"), align(64, "drdo")]
    assert [text.split("`")[1] for text in crowded(wants, basis(FEW, MANY))] == ["train.global_batch"]
    assert [text.split("`")[1] for text in crowded(wants, basis(MANY, FEW))] == ["student.sft.global_batch"]
    assert crowded(wants, basis(None, None)) == []


def test_a_pulled_model_learns_from_nothing():
    """A stage that is pulled has no batch."""
    assert crowded([Want("oracle", 1, {}, {"data": DATA}, locations={"zoo": {}})], basis(FEW, FEW)) == []


def test_a_judge_is_named_by_its_own_section():
    """A judge's setting is not the oracle's, and its rows are those that only judges see."""
    judge = Want("oracle", 1, {"oracle.global_batch": 64, "oracle.part": "judge"}, {"data": DATA}, label="indep")
    known = Basis([], {DATA.fingerprint: Sizes(MANY, None, MANY, None, FEW)})
    (text,) = crowded([judge], known)
    assert "`judges.indep.global_batch` (64)" in text
    assert "--set judges.indep.global_batch=N" in text
