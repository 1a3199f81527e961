import numpy as np
from split_tables import pairs

from drdoctl.splits.relabel import Relabel


def test_the_oracle_orders_the_pairs():
    """Pairs that the oracle orders otherwise are turned round, ties are not, and none is lost."""
    kept = Relabel().apply(pairs(4, oracle_margin=np.array([0.5, -0.1, 0.0, -3.0])), 0)
    assert kept.rows.tolist() == [0, 1, 2, 3]
    assert kept.flipped.tolist() == [False, True, False, True]


def test_it_needs_an_oracle():
    """A spec can tell from the step that pairs must be scored first."""
    assert Relabel().needs_oracle
    assert not Relabel().needs_confidence
