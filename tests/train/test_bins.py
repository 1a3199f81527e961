"""Micro-batches by tokens: every row once, level loads, the same number in every process."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.train.bins import bins

lengths_of_a_step = st.integers(1, 4).flatmap(
    lambda processes: st.tuples(
        st.just(processes),
        st.integers(1, 24).flatmap(
            lambda local: st.lists(st.integers(2, 400), min_size=processes * local, max_size=processes * local)
        ),
    )
)


@given(lengths_of_a_step, st.integers(1, 2000), st.none() | st.integers(1, 8))
def test_every_row_once_and_within_the_limits(step, budget, most):
    """Whatever the lengths, every row is in one bin, bins hold the budget or one row, and no process idles."""
    processes, lengths = step[0], np.array(step[1])
    found = bins(lengths, processes, budget, most)
    places = np.concatenate([rows for ranks in found for rows in ranks])
    assert sorted(places.tolist()) == list(range(len(lengths)))
    for ranks in found:
        assert len(ranks) == processes
        for rows in ranks:
            assert len(rows) >= 1
            assert len(rows) <= (most or len(lengths))
            assert lengths[rows].sum() <= budget or len(rows) == 1


def test_loads_are_level():
    """Two bins of a step differ by no more than its shortest row."""
    lengths = np.random.default_rng(0).integers(20, 400, 64)
    loads = [lengths[rows].sum() for ranks in bins(lengths, 1, 2048) for rows in ranks]
    assert max(loads) - min(loads) <= lengths.max()
    assert len(loads) == -(-lengths.sum() // 2048)


def test_the_same_rows_give_the_same_bins():
    """The bins are a pure function of the lengths: a resumed run computes what the first one would have."""
    lengths = np.array([5, 5, 5, 7, 7, 9, 9, 9])
    first, again = (bins(lengths, 2, 20) for _ in range(2))
    assert [[rows.tolist() for rows in ranks] for ranks in first] == [[r.tolist() for r in ranks] for ranks in again]
