import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from split_tables import pairs, tables

from drdoctl.core.chance import share
from drdoctl.splits.sample import Sample


@given(tables, st.integers(1, 80))
def test_so_many_or_all(table, rows):
    """As many pairs as asked for are kept, or all where there are fewer."""
    assert len(Sample(rows=rows).keep(table, 0)) == min(rows, len(table))


@given(tables, st.floats(0.01, 1))
def test_such_a_share(table, fraction):
    """A fraction of the pairs is rounded to a whole number, halves up."""
    assert len(Sample(fraction=fraction).keep(table, 0)) == share(fraction, len(table))


def test_smaller_samples_lie_within_larger_ones_and_draws_differ():
    """Of one draw ten pairs are among twenty; another draw has others."""
    table = pairs(300)
    ten, twenty, other = (set(Sample(rows=n, draw=d).keep(table, 0)) for n, d in ((10, 0), (20, 0), (10, 1)))
    assert ten < twenty
    assert ten != other


@pytest.mark.parametrize(
    ("options", "said"),
    [({}, "needs one of `rows`, `fraction`"), ({"rows": 3, "fraction": 0.5}, "`fraction` stands in place of `rows`")],
)
def test_one_size_is_asked_for(options, said):
    """A sample has a number of rows or a fraction: neither is refused, and both is, in other words."""
    with pytest.raises(ValidationError, match=said):
        Sample(**options)
