import numpy as np
import pytest
from pydantic import ValidationError
from split_tables import pairs

from drdoctl.core.errors import UserError
from drdoctl.splits.margin import Margin


def test_the_distance_counts_whichever_is_higher():
    """A pair whose rejected response scores higher has the same margin as one the other way round."""
    table = pairs(4, score_margin=np.array([-2.0, 0.5, 1.0, 3.0]))
    assert Margin(at_least=1).keep(table, 0).tolist() == [0, 2, 3]
    assert Margin(at_most=2, at_least=0.6).keep(table, 0).tolist() == [0, 2]


def test_quantiles_divide_without_a_rest():
    """What is below a quantile and what is at or above it are all pairs, each once."""
    table = pairs(101)
    low, high = Margin(to_quantile=0.3).keep(table, 0), Margin(from_quantile=0.3).keep(table, 0)
    assert sorted([*low, *high]) == list(range(101))


def test_the_oracles_margin_in_place_of_scores():
    """With `by: oracle` the rewards decide, rows need no scores, and `missing` has no effect."""
    table = pairs(3, oracle_margin=np.array([-2.0, 0.1, 1.0]), score_margin=np.full(3, np.nan))
    step = Margin(by="oracle", at_least=1)
    assert step.keep(table, 0).tolist() == [0, 2]
    assert (step.needs_oracle, step.needs_scores) == (True, False)
    with pytest.raises(ValidationError, match="`missing` has no effect"):
        Margin(by="oracle", at_least=1, missing="drop")


def test_missing_scores_are_named_or_left_out():
    """Pairs without scores are an error that names them, unless they may be left out."""
    table = pairs(3, score_margin=np.array([1.0, np.nan, 2.0]))
    with pytest.raises(UserError, match="1 of 3") as error:
        Margin(at_least=0.5).keep(table, 0)
    assert error.value.faults[0].code == "missing-scores"
    assert Margin(at_least=0.5, missing="drop").keep(table, 0).tolist() == [0, 2]


@pytest.mark.parametrize("options", [{}, {"at_least": 2.0, "at_most": 1.0}, {"from_quantile": 0.5, "to_quantile": 0.5}])
def test_bounds_that_say_nothing_or_keep_nothing_are_refused(options):
    """A filter without a bound, or with bounds that no pair lies between, is an error."""
    with pytest.raises(ValidationError):
        Margin(**options)
