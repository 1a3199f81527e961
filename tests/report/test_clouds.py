"""Clouds: the right pairs, the right numbers over all of them, few points drawn with a seed."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_house import PROMPTS, TRUE_REWARD, scores

from drdoctl.report.clouds import SHOWN, clouds, pair_clouds, response_clouds
from drdoctl.report.collect import collect
from drdoctl.report.samples import Way

JUDGES = {"truth": "truth.reward", "oracle": "oracle"}


def test_margins_of_pairs(house):
    """A student whose implicit margin is the oracle's tenfold correlates wholly and always agrees; others less."""
    found = {row["student"]: row for row in collect(house.store, house.plan)["clouds"] if row["kind"] == "pairs"}
    assert set(found) == {"drdo", "dpo"}
    assert found["drdo"]["correlation"] == pytest.approx(1)
    assert found["drdo"]["agreement"] == 1
    assert found["dpo"]["agreement"] < 0.9
    assert found["drdo"]["count"] == len(found["drdo"]["points"]) == PROMPTS
    assert all(up == pytest.approx(10 * across, rel=1e-3) for across, up in found["drdo"]["points"])


def test_scores_of_responses(house):
    """Every judge's score of a response stands against the oracle's, for start models too."""
    found = {row["student"]: row for row in collect(house.store, house.plan)["clouds"] if row["kind"] == "responses"}
    assert set(found) == set(TRUE_REWARD)
    assert (found["dpo"]["x"], found["dpo"]["y"]) == ("oracle", "truth")
    assert found["dpo"]["points"][0] == pytest.approx((scores("dpo")[0] / 2, scores("dpo")[0]), rel=1e-3)


def _way(count: int, **columns: object) -> Way:
    rng = np.random.default_rng(0)
    base = {"id": [f"p{at}" for at in range(count)], "temperature": [0.7] * count}
    return Way(pa.table({**base, "oracle": rng.normal(size=count), "truth.reward": rng.normal(size=count), **columns}))


def test_few_points_of_many():
    """Of many responses some are drawn, the same for the same seed; the numbers are of all."""
    way = _way(SHOWN * 4)
    (first,), (again,), (other,) = (list(response_clouds("a", way, JUDGES, seed)) for seed in (1, 1, 2))
    assert len(first.points) == SHOWN
    assert first.count == SHOWN * 4
    assert first == again
    assert first.points != other.points
    assert first.correlation == other.correlation


def test_only_test_prompts_are_read(tmp_path):
    """Where prompts are divided, those on which students were chosen are no part of the figure."""
    parts = ["test"] * 5 + ["validation"] * 15
    (cloud,) = response_clouds("a", _way(20, part=parts), JUDGES, 0)
    assert cloud.count == 5
    margin = np.arange(20.0)
    table = {"id": parts, "part": parts, "chosen_logp": margin, "rejected_logp": margin * 0, "oracle_margin": margin}
    pq.write_table(pa.table(table), tmp_path / "pairs.parquet")
    assert [row.count for row in pair_clouds("a", tmp_path, 0)] == [5]


def test_nothing_from_nothing(tmp_path):
    """Without an oracle's scores, without a truth or without files there are no clouds."""
    no_oracle = Way(pa.table({"id": ["a"], "temperature": [0.7], "truth.reward": [1.0]}))
    assert list(response_clouds("a", no_oracle, JUDGES, 0)) == []
    assert list(response_clouds("a", _way(9), {"oracle": "oracle"}, 0)) == []
    assert clouds({"a": tmp_path}, {}, JUDGES, 0) == []
