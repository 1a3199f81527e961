"""Length against reward: means, bins from short to long, the reference beside the students."""

import numpy as np
import pyarrow as pa
import pytest
from report_house import PROMPTS, scores

from drdoctl.report.collect import collect
from drdoctl.report.lengths import BINS, lengths
from drdoctl.report.samples import Way

JUDGES = {"truth": "truth.reward", "oracle": "oracle", "absent": "absent"}


def test_every_group_by_every_judge(house):
    """The reference stands first; each row has the means that the samples give, in their intervals."""
    rows = collect(house.store, house.plan)["lengths"]
    assert list(dict.fromkeys(row["student"] for row in rows)) == ["reference", "sft", "drdo", "dpo"]
    assert {row["judge"] for row in rows} == {"truth", "oracle"}
    row = next(row for row in rows if (row["student"], row["judge"]) == ("dpo", "truth"))
    assert row["reward"] == pytest.approx(scores("dpo").mean())
    assert row["tokens"] == pytest.approx(5 + (PROMPTS - 1) / 2)
    assert row["low"] < row["reward"] < row["high"]
    assert row["tokens_low"] < row["tokens"] < row["tokens_high"]


def _way(tokens: np.ndarray, reward: np.ndarray) -> Way:
    ids = [str(at) for at in range(len(tokens))]
    return Way(pa.table({"id": ids, "temperature": [0.7] * len(ids), "tokens": tokens, "truth.reward": reward}))


def test_bins_go_from_short_to_long():
    """Bins hold as many responses each, ascend in length, and together are all of them."""
    tokens = np.random.default_rng(0).permutation(23)
    (row,) = lengths({"a": _way(tokens, -tokens.astype(float))}, JUDGES, 0)
    assert len(row.bins) == BINS
    assert sum(part.count for part in row.bins) == 23
    assert [part.tokens for part in row.bins] == sorted(part.tokens for part in row.bins)
    assert all(part.reward == pytest.approx(-part.tokens) for part in row.bins)
    assert row.correlation == pytest.approx(-1)


def test_what_is_not_known_is_left_out():
    """A response without a score does not count; where none has one there is no row."""
    (row,) = lengths({"a": _way(np.array([1, 2, 3]), np.array([1.0, np.nan, 3.0]))}, JUDGES, 0)
    assert row.count == 2
    assert lengths({"a": _way(np.array([1]), np.array([np.nan]))}, JUDGES, 0) == []
