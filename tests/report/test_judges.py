"""Who judges in a report."""

from __future__ import annotations

import pyarrow as pa
import pytest

from drdoctl.report.judges import apart, judge_columns, judged_by, judgements
from drdoctl.report.samples import Way
from drdoctl.stages import Want
from drdoctl.store.artifact import Store

SPEC = {"judges": {"fair": {"model": "sft"}}}


def test_every_judge_has_its_column():
    """The truth's reward is one part of its word; others are called by their name; a spec without judges has two."""
    assert judge_columns(SPEC) == {"truth": "truth.reward", "oracle": "oracle", "fair": "fair"}
    assert judge_columns({"judges": None}) == judge_columns({}) == {"truth": "truth.reward", "oracle": "oracle"}


def test_judges_that_taught_nobody_come_first():
    """Tables begin with the judge whose word is worth most against a teacher's."""
    assert judgements(SPEC)[:3] == [("fair", "sft"), ("fair", "reference"), ("oracle", "sft")]
    assert judgements({})[0] == ("oracle", "sft")


@pytest.fixture
def store(tmp_path):
    """Return a store."""
    made = Store(tmp_path)
    made.prepare()
    return made


def oracle(store, seed, weights):
    """Return an oracle stage whose artifact is in the store, unless `weights` is None."""
    want = Want("oracle", 1, {"seed": seed}, {}, {}, "", {}, ())
    if weights is not None:
        folder, _ = store.open_partial(want)
        (folder / "model.safetensors").write_bytes(weights)
        (folder / "metrics.jsonl").write_text(str(seed))
        store.commit(want, "demo", {}, 1.0)
    return want


def evaluation(role, made, **settings):
    """Return an evaluate stage with one judge."""
    return Want("evaluate", 1, settings, {role: made}, {}, "dpo", {}, ())


def test_a_judge_is_known_by_its_weights(store):
    """Two artifacts of equal weights are one model, in equal arithmetic; without artifacts their names tell."""
    same, twin, other = oracle(store, 0, b"one"), oracle(store, 1, b"one"), oracle(store, 2, b"two")
    marks = [judged_by(store, evaluation("oracle", one), JUDGES)["oracle"] for one in (same, twin, other)]
    assert marks[0] == marks[1] != marks[2]
    halved = evaluation("oracle", same, **{"oracle.dtype": "bf16"})
    assert judged_by(store, halved, JUDGES)["oracle"] != marks[0]
    gone = [judged_by(store, evaluation("oracle", oracle(store, seed, None)), JUDGES) for seed in (7, 8)]
    assert gone[0] != gone[1]
    assert judged_by(store, evaluation("judge-fair", other), JUDGES).keys() == {"fair"}


def test_a_judge_outside_the_store_is_known_by_its_content(store):
    """A finished model that is read where it lies is told by its hash; the truth has no mark."""
    wants = [Want("evaluate", 1, {}, {}, {"judges.fair.model": mark}, "dpo", {}, ()) for mark in ("a", "b", "a")]
    first, second, third = (judged_by(store, want, JUDGES) for want in wants)
    assert first == third != second
    assert first.keys() == {"fair"}


JUDGES = judge_columns(SPEC)
SEEDS = {"a": 0, "b": 0, "c": 1}


def scored(column):
    """Return one response that one judge scored."""
    return {"t0.7": Way(pa.table({"id": ["p"], column: [1.0]}))}


@pytest.mark.parametrize(
    ("judge", "marks", "said"),
    [
        ("oracle", "112", []),
        ("oracle", "122", ["judge `oracle` is 2 models here"]),
        ("fair", "122", ["judge `fair` is 2 models here"]),
        ("truth", "   ", []),
    ],
)
def test_students_of_several_models_are_warned_of_once(judge, marks, said):
    """An oracle for each seed is no matter: students of two seeds are not compared anyway."""
    told = {label: {judge: mark} for label, mark in zip(SEEDS, marks, strict=True)}
    found = apart(dict.fromkeys(SEEDS, scored(JUDGES[judge])), JUDGES, told, SEEDS, {})
    assert [text.split(",")[0] for text in found] == said
    assert all("judges" in text for text in found)


def test_a_judge_that_scored_no_response_is_no_matter():
    """An oracle that was asked of pairs alone compares nobody by its rewards."""
    told = {label: {"oracle": label} for label in SEEDS}
    assert apart(dict.fromkeys(SEEDS, scored("truth.reward")), JUDGES, told, SEEDS, {}) == []
