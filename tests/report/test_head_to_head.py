"""Head to head: the sums against the evals' own, whom is compared with whom, and what is stamped."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.core.bootstrap import interval
from drdoctl.core.significance import holm, p_value
from drdoctl.report.head_to_head import head_to_head
from drdoctl.report.samples import read_samples

PROMPTS = 60
JUDGES = {"truth": "truth.reward", "oracle": "oracle"}


def samples(folder, seed, count=PROMPTS, parts=None, ids=None, gap=0.0):
    """Write samples of one way and the references, and return the rows that were drawn."""
    rng = np.random.default_rng(seed)
    names = ids or [f"p{row}" for row in range(count)]
    reward, tokens = rng.normal(gap, 1, len(names)).round(1), rng.integers(9, 13, len(names))
    table = {
        "id": names * 2,
        "sampling": ["t0.7"] * len(names) + ["reference"] * len(names),
        "temperature": [0.7] * len(names) + [None] * len(names),
        "response": [f"{seed} {name}" for name in names] * 2,
        "tokens": tokens.tolist() * 2,
        "truth.reward": reward.tolist() * 2,
    }
    if parts:
        table["part"] = parts * 2
    folder.mkdir()
    pq.write_table(pa.table(table), folder / "samples.parquet")
    return reward, tokens


@pytest.fixture
def three(tmp_path):
    """Return three students' responses, and their rewards and tokens."""
    drawn = {name: samples(tmp_path / name, seed, gap=seed / 4) for seed, name in enumerate("abc")}
    return {name: read_samples(tmp_path / name) for name in drawn}, drawn


def test_every_number_is_what_the_evals_would_say(three):
    """Means, win rates, intervals and p-values are those of the differences, one pair after the other."""
    sampled, drawn = three
    rows = head_to_head(sampled, JUDGES, seed=5)
    assert [(row.first, row.second, row.judge, row.sampling) for row in rows] == [
        (*pair, "truth", "t0.7") for pair in ("ab", "ac", "bc")
    ]
    for row in rows:
        difference = drawn[row.first][0] - drawn[row.second][0]
        wins = (np.sign(difference) + 1) / 2
        assert (row.mean, row.win_rate, row.count) == pytest.approx((difference.mean(), wins.mean(), PROMPTS))
        assert (row.low, row.high) == pytest.approx(interval(difference, 5))
        assert (row.win_low, row.win_high) == pytest.approx(interval(wins, 5))
        assert (row.p, row.win_p) == (p_value(difference, 5), p_value(wins, 5, 0.5))
    assert [row.p_holm for row in rows] == holm([row.p for row in rows])


def test_like_length_is_within_a_tenth(three):
    """The win rate at like length is over prompts whose responses differ by at most a tenth of the longer."""
    sampled, drawn = three
    row = head_to_head(sampled, JUDGES, seed=5)[0]
    (one, a), (two, b) = drawn["a"], drawn["b"]
    like = np.abs(a - b) <= 0.1 * np.maximum(a, b)
    assert 0 < like.sum() < PROMPTS
    assert row.like_count == like.sum()
    assert row.win_rate_like_length == pytest.approx(((np.sign(one - two) + 1) / 2)[like].mean())
    assert row.like_low <= row.win_rate_like_length <= row.like_high


def test_students_of_other_seeds_or_prompts_are_not_compared(three):
    """Ids may be the same where seeds or prompts are not."""
    sampled, _ = three
    assert head_to_head(sampled, JUDGES, 5, prompts={"a": "x", "b": "y", "c": "z"}) == []
    (row,) = head_to_head(sampled, JUDGES, 5, seeds={"a": 0, "b": 1, "c": 0})
    assert (row.first, row.second, row.seed) == ("a", "c", 0)


def test_scores_of_two_models_are_not_compared(three):
    """Who is called `truth` here may be another model there: only students of one model meet, judge by judge."""
    sampled, _ = three
    marks = {"a": {"truth": "x"}, "b": {"truth": "y"}, "c": {"truth": "x", "oracle": "z"}}
    (row,) = head_to_head(sampled, JUDGES, 5, marks=marks)
    assert (row.first, row.second, row.p_holm) == ("a", "c", row.p)


def test_equal_texts_are_ties_but_for_the_truth(tmp_path):
    """What a reward model makes of one text twice is no difference; near rewards are none either."""
    texts, more = ["same", "one", "two"], {"tokens": [5, 5, 5], "temperature": [0.7] * 3, "sampling": ["t0.7"] * 3}
    for name, shift in (("a", [0.1, 1e-6, 1.0]), ("b", [0.0] * 3)):
        own = [text if text == "same" else f"{name} {text}" for text in texts]
        rewards = {"oracle": shift, "truth.reward": shift}
        (tmp_path / name).mkdir()
        table = pa.table({"id": ["p", "q", "r"], "response": own, **more, **rewards})
        pq.write_table(table, tmp_path / name / "samples.parquet")
    rows = head_to_head({name: read_samples(tmp_path / name) for name in "ab"}, JUDGES, 5)
    assert {row.judge: row.win_rate for row in rows} == pytest.approx({"truth": 2.5 / 3, "oracle": 2 / 3})
    assert rows[1].mean == pytest.approx(1 / 3)


def test_stamps_of_either_student_are_kept(three):
    """A figure of two students has the warnings of both, each once, and of no other judge."""
    sampled, _ = three
    stamps = {("a", "truth"): ["one"], ("b", "truth"): ["one", "two"], ("c", "oracle"): ["three"]}
    assert [row.warnings for row in head_to_head(sampled, JUDGES, 5, stamps=stamps)] == [
        ["one", "two"],
        ["one"],
        ["one", "two"],
    ]


def test_only_test_prompts_are_read(tmp_path):
    """Where students are chosen on some prompts, the others alone make the difference."""
    parts = ["validation", "test", "test"] * (PROMPTS // 3)
    (one, _), (two, _) = (samples(tmp_path / name, seed, parts=parts) for seed, name in enumerate("ab"))
    (row,) = head_to_head({name: read_samples(tmp_path / name) for name in "ab"}, JUDGES, 5)
    read = np.array(parts) == "test"
    assert (row.part, row.count) == ("test", read.sum())
    assert row.mean == pytest.approx((one - two)[read].mean())


def test_shared_prompts_are_found_by_id(tmp_path):
    """Students that answer other prompts, in another order, meet on those that both do; one prompt has no interval."""
    one, _ = samples(tmp_path / "a", 0, ids=["x", "y", "z"])
    two, _ = samples(tmp_path / "b", 1, ids=["w", "z"])
    (row,) = head_to_head({name: read_samples(tmp_path / name) for name in "ab"}, JUDGES, 5)
    assert (row.count, row.mean) == (1, pytest.approx(one[2] - two[1]))
    assert (row.low, row.p) == (None, None)
