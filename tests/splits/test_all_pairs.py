import numpy as np

from drdoctl.splits import PairTable, splits
from drdoctl.splits.all_pairs import All


def test_every_pair_is_kept():
    """`all` keeps every pair, whatever is missing from it."""
    nan = np.full(3, np.nan)
    table = PairTable(["a", "b", "c"], nan, nan, np.ones(3), np.ones(3))
    assert All().keep(table, 0).tolist() == [0, 1, 2]


def test_the_folder_is_the_registry():
    """Each split is found by its name."""
    assert {"all", "easy", "hard"} <= set(splits())
