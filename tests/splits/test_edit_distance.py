from split_tables import pairs

from drdoctl.splits.confidence import Confidence
from drdoctl.splits.easy import Easy
from drdoctl.splits.edit_distance import EditDistance


def test_two_filters_are_one_easy():
    """`easy` is both filters at once on the same pairs; one after the other takes the second quantile later."""
    table = pairs(200)
    both = set(EditDistance(from_quantile=0.5).keep(table, 0)) & set(Confidence(from_quantile=0.5).keep(table, 0))
    assert sorted(both) == Easy().keep(table, 0).tolist()


def test_about_tells_a_plan_how_many():
    """Quantiles are reckoned with before there are pairs; a bound is taken to keep half."""
    assert EditDistance(from_quantile=0.2, to_quantile=0.5).about(1000) == 300
    assert EditDistance(at_least=0.1).about(1000) == 500
