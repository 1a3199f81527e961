import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from split_tables import pairs, tables

from drdoctl.core.chance import share
from drdoctl.splits.label_noise import LabelNoise


@given(tables, st.floats(0.01, 1.0), st.integers(0, 3))
def test_exactly_the_share_is_turned_round(table, fraction, draw):
    """All pairs stay, and exactly the fraction, rounded halves up, has its label turned round."""
    kept = LabelNoise(fraction=fraction, draw=draw).apply(table, 1)
    assert kept.rows.tolist() == list(range(len(table)))
    assert kept.flipped.sum() == share(fraction, len(table))


def test_less_noise_is_among_more():
    """The pairs turned round by a smaller fraction are turned round by a larger one too."""
    few, many = (set(np.flatnonzero(LabelNoise(fraction=part).apply(pairs(500), 3).flipped)) for part in (0.1, 0.4))
    assert few < many


@pytest.mark.parametrize(("seed", "draw"), [(4, 0), (3, 1)])
def test_seeds_and_draws_differ(seed, draw):
    """Another seed, or another draw, turns other labels round."""
    table = pairs(500)
    first = LabelNoise(fraction=0.2).apply(table, 3).flipped
    assert (LabelNoise(fraction=0.2, draw=draw).apply(table, seed).flipped != first).any()
