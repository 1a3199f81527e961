import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from split_tables import pairs, tables

from drdoctl.core.chance import share
from drdoctl.core.errors import UserError
from drdoctl.splits._statistics import longer_chosen
from drdoctl.splits.length_bias import LengthBias, largest


def labelled(table, kept):
    """Return the lengths of the kept pairs as the oracle labels them."""
    chosen, rejected = table.chosen_tokens[kept.rows], table.rejected_tokens[kept.rows]
    return np.where(kept.flipped, rejected, chosen), np.where(kept.flipped, chosen, rejected)


@given(tables, st.sampled_from([0.0, 0.2, 1 / 3, 0.35, 0.5, 0.65, 0.8, 1.0]), st.integers(1, 20))
def test_rho_is_reached_exactly(table, rho, size):
    """Of `size` pairs, rho (rounded halves up) prefer the longer response and all others the shorter one."""
    try:
        kept = LengthBias(rho=rho, size=size).apply(table, 5)
    except UserError:
        assume(False)
    longer, shorter = longer_chosen(*labelled(table, kept))
    assert len(kept.rows) == size
    assert (longer.sum(), shorter.sum()) == (share(rho, size), size - share(rho, size))


@given(tables, st.floats(0, 1))
def test_labels_are_the_oracles(table, rho):
    """A pair is turned round where, and only where, the oracle prefers the rejected response."""
    size = largest(rho, *sides(table))
    assume(size)
    kept = LengthBias(rho=rho, size=size).apply(table, 0)
    assert (kept.flipped == (table.oracle_margin[kept.rows] < 0)).all()


def sides(table):
    """Return how many pairs prefer the longer, and the shorter, response after relabelling."""
    flipped = table.oracle_margin < 0
    chosen = np.where(flipped, table.rejected_tokens, table.chosen_tokens)
    rejected = np.where(flipped, table.chosen_tokens, table.rejected_tokens)
    return tuple(int(side.sum()) for side in longer_chosen(chosen, rejected))


@given(tables, st.floats(0, 1))
def test_the_error_names_the_largest_size_that_works(table, rho):
    """One pair more than the largest size is an error that names this size; the size itself works."""
    most = largest(rho, *sides(table))
    with pytest.raises(UserError) as error:
        LengthBias(rho=rho, size=most + 1).apply(table, 0)
    fault = error.value.faults[0]
    assert fault.code == "too-few-pairs"
    if most:
        assert f"`size: {most}`" in fault.hint
        assert len(LengthBias(rho=rho, size=most).apply(table, 0).rows) == most


@given(st.floats(0, 1), st.integers(0, 40), st.integers(0, 40))
def test_the_largest_size_by_trying_all(rho, longer, shorter):
    """The bisection finds what trying every size finds."""
    fits = [
        size
        for size in range(longer + shorter + 1)
        if share(rho, size) <= longer and size - share(rho, size) <= shorter
    ]
    assert largest(rho, longer, shorter) == max(fits)


def test_ten_per_cent_is_longer():
    """11 tokens against 10 are longer, 109 against 100 are not, and equal lengths are never drawn."""
    chosen, rejected = np.array([11, 33, 109, 110, 7, 10]), np.array([10, 30, 100, 100, 7, 11])
    longer, shorter = longer_chosen(chosen, rejected)
    assert longer.tolist() == [True, True, False, True, False, False]
    assert shorter.tolist() == [False, False, False, False, False, True]
    table = pairs(6, chosen_tokens=chosen, rejected_tokens=rejected, oracle_margin=np.ones(6))
    assert LengthBias(rho=0.75, size=4).apply(table, 0).rows.tolist() == [0, 1, 3, 5]


def test_ties_keep_their_label():
    """A pair that the oracle scores alike is not turned round."""
    table = pairs(2, chosen_tokens=np.array([9, 4]), rejected_tokens=np.array([4, 9]), oracle_margin=np.zeros(2))
    assert not LengthBias(rho=0.5, size=2).apply(table, 0).flipped.any()


def test_draws_differ():
    """Another draw takes other pairs with the same share."""
    table = pairs(500)
    assert LengthBias(rho=0.5, size=100).apply(table, 0).rows.tolist() != (
        LengthBias(rho=0.5, size=100, draw=1).apply(table, 0).rows.tolist()
    )
