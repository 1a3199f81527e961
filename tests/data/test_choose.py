import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.data._choose import drawn, first_of_each, held_out

keys = st.lists(st.integers(0, 20), min_size=1, max_size=60).map(lambda found: np.array(found, dtype=np.uint64))


@given(keys, st.floats(0.001, 0.999), st.integers(0, 5))
def test_a_prompt_is_on_one_side_and_both_sides_have_one(prompts, fraction, seed):
    """Rows of one prompt share a side, and with two prompts neither side is empty."""
    out = held_out(prompts, fraction, seed)
    assert not set(prompts[out]) & set(prompts[~out])
    assert not out.all()
    assert out.any() or len(set(prompts)) == 1


def test_the_share_is_about_the_fraction_and_follows_the_seed():
    """Of many prompts about the fraction is held out, others with another seed."""
    prompts = np.arange(20_000, dtype=np.uint64)
    first, second = held_out(prompts, 0.05, 1), held_out(prompts, 0.05, 2)
    assert 850 < first.sum() < 1150
    assert 20 < (first & second).sum() < 90


def test_a_prompt_s_side_does_not_depend_on_its_neighbours():
    """Adding rows leaves every other prompt where it was."""
    prompts = np.arange(1000, dtype=np.uint64)
    assert (held_out(prompts, 0.2, 3)[:500] == held_out(prompts[:500], 0.2, 3)).all()


@given(keys, st.integers(1, 70), st.integers(0, 3))
def test_draws_are_ascending_subsets(idents, most, seed):
    """A draw keeps at most so many of the rows, in their order, and all of them where that is enough."""
    rows = np.arange(0, len(idents), 2)
    found = drawn(idents, rows, most, seed)
    assert len(found) == min(most, len(rows))
    assert set(found) <= set(rows)
    assert (np.diff(found) > 0).all()
    assert drawn(idents, rows, None, seed) is rows


@given(keys, st.integers(0, 2**20))
def test_one_row_a_key_the_better_first(prompts, bits):
    """Each key keeps its first row that is marked better, else its first row."""
    better = np.array([bool(bits >> (i % 20) & 1) for i in range(len(prompts))])
    found = first_of_each(prompts, np.arange(len(prompts)), better)
    for row in found:
        same = [i for i in range(len(prompts)) if prompts[i] == prompts[row]]
        assert row == min(same, key=lambda i: (not better[i], i))
    assert sorted(prompts[found].tolist()) == sorted(set(prompts.tolist()))
