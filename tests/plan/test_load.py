"""The largest micro-batch of a step, against the bins that the loop makes."""

from __future__ import annotations

import numpy as np
import pytest

from drdoctl.plan.load import load_of
from drdoctl.plan.sizes import Rows

RESOURCES = {"processes": 1, "micro_batch": None}


def drawn(seed, count=512):
    """Return lengths like those of real pairs: shape (count,)."""
    return np.clip(np.random.default_rng(seed).lognormal(5.3, 0.6, count), 20, 900).astype(np.int64)


def rows_of(lengths):
    """Return rows with these lengths, half of each its prompt."""
    mean = float(lengths.mean())
    return Rows(len(lengths), mean / 2, mean / 4, mean / 4, float(lengths.max()), float(lengths.std()))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("batch", [8, 16, 64])
@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("budget", [300, 1000, 2048, 8000])
def test_it_is_the_loops(seed, batch, processes, budget):
    """Over 32 steps of real-like lengths, the largest bin is within a quarter of what is expected."""
    from drdoctl.train.bins import bins

    lengths = drawn(seed)
    load = load_of(rows_of(lengths), batch, {**RESOURCES, "processes": processes}, budget, pairs=True)
    most, counts = 0, []
    for step in range(512 // batch):
        part = lengths[step * batch : (step + 1) * batch]
        made = bins(part, processes, budget)
        counts.append(len(made))
        most = max(most, *(int(part[places].sum()) for ranks in made for places in ranks))
    assert load.tokens == pytest.approx(most, rel=0.25)
    assert load.micro_batches == pytest.approx(np.mean(counts), rel=0.5, abs=1)


def test_rows_can_be_the_limit():
    """`micro_batch` limits the rows, a larger budget takes more tokens, and without rows there is no load."""
    rows = rows_of(drawn(1))
    few = load_of(rows, 64, {**RESOURCES, "micro_batch": 2}, 2048, pairs=True)
    assert few.tokens < load_of(rows, 64, RESOURCES, 2048, pairs=True).tokens
    assert load_of(rows, 64, RESOURCES, 16384, pairs=True).tokens > 8000
    assert load_of(Rows(0, 0, 0, 0, 0, 0), 64, RESOURCES, 2048, pairs=True).tokens == 0
