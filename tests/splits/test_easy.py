import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.errors import UserError
from drdoctl.splits import PairTable
from drdoctl.splits.easy import Easy
from drdoctl.splits.hard import Hard


def table(confidence, distance):
    ones = np.ones(len(confidence))
    return PairTable([f"row-{i}" for i in range(len(ones))], np.array(confidence), np.array(distance), ones, ones)


def test_both_at_or_above_their_medians():
    """`easy` keeps pairs that are at or above both medians, and no pair that is above one alone."""
    found = Easy().keep(table([1.0, 5.0, 5.0, 9.0], [0.1, 0.4, 0.2, 0.3]), 0)
    assert found.tolist() == [1, 3]


def test_another_quantile_moves_both_thresholds():
    """A higher quantile keeps fewer pairs."""
    rows = table(list(range(10)), [i / 10 for i in range(10)])
    assert Easy().keep(rows, 0).tolist() == [5, 6, 7, 8, 9]
    assert Easy(quantile=0.8).keep(rows, 0).tolist() == [8, 9]


def test_missing_confidence_is_named_with_the_remedy():
    """Pairs without a confidence are an error that names them, says how many, and what to do."""
    with pytest.raises(UserError) as error:
        Easy().keep(table([1.0, np.nan, 2.0], [0.1, 0.2, 0.3]), 0)
    fault = error.value.faults[0]
    assert fault.code == "missing-confidence"
    assert "1 of 3" in fault.message
    assert "`row-1`" in fault.message
    assert "missing: drop" in (fault.hint or "")


def test_missing_confidence_can_be_left_out():
    """With `missing: drop` the thresholds are taken over the pairs that have a confidence."""
    found = Easy(missing="drop").keep(table([np.nan, 1.0, 2.0, 3.0], [0.9, 0.1, 0.2, 0.3]), 0)
    assert found.tolist() == [2, 3]


def test_an_empty_table_keeps_nothing():
    """No rows in, no rows out, and no error from a median of nothing."""
    assert Easy().keep(table([], []), 0).size == 0


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), min_size=1, max_size=50))
def test_easy_and_hard_never_share_a_pair(pairs):
    """At the same quantile no pair is both easy and hard, and each kept pair is on its side of both medians."""
    confidence, distance = (np.array(column, dtype=float) for column in zip(*pairs, strict=True))
    rows = table(confidence, distance)
    easy, hard = Easy().keep(rows, 0), Hard().keep(rows, 0)
    assert not set(easy) & set(hard)
    assert (confidence[easy] >= np.median(confidence)).all()
    assert (distance[hard] < np.median(distance)).all()
