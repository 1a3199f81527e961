import numpy as np
import pytest
from split_tables import pairs

from drdoctl.core.errors import UserError
from drdoctl.splits.confidence import Confidence
from drdoctl.splits.edit_distance import EditDistance


def test_bounds_are_inclusive_and_in_the_sources_units():
    """Confidence 5 to 7 of 1 to 9 keeps both ends; distances do the same."""
    table = pairs(4, confidence=np.array([4.0, 5.0, 7.0, 8.0]), edit_distance=np.array([0.1, 0.2, 0.3, 0.4]))
    assert Confidence(at_least=5, at_most=7).keep(table, 0).tolist() == [1, 2]
    assert EditDistance(at_most=0.2).keep(table, 0).tolist() == [0, 1]


def test_a_confidence_must_be_there():
    """A pair without one is named, or left out before quantiles are taken."""
    table = pairs(3, confidence=np.array([np.nan, 1.0, 2.0]))
    with pytest.raises(UserError, match="`row-0`"):
        Confidence(at_least=1).keep(table, 0)
    assert Confidence(from_quantile=0.5, missing="drop").keep(table, 0).tolist() == [2]


def test_no_pairs_no_error():
    """A quantile of nothing keeps nothing."""
    assert Confidence(from_quantile=0.5).keep(pairs(0), 0).size == 0
