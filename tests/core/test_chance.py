import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.chance import first, mixed, share

KEYS = np.arange(1, 2001, dtype=np.uint64)


def test_seeds_and_purposes_are_series_of_their_own():
    """Another seed, or another purpose, gives every key another lot."""
    lots = mixed(KEYS, 1, 1)
    for other in (mixed(KEYS, 2, 1), mixed(KEYS, 1, 2)):
        assert not (lots == other).any()


def test_lots_are_spread_evenly():
    """About a half of the lots has each of the 64 bits set."""
    bits = np.unpackbits(mixed(KEYS, 7, 3).view(np.uint8).reshape(-1, 8), axis=1).mean(axis=0)
    assert ((bits > 0.4) & (bits < 0.6)).all()


@given(st.lists(st.integers(0, 50), max_size=40), st.integers(0, 45))
def test_first_takes_the_smallest_lots_in_ascending_places(lots, count):
    """Exactly as many as asked for (or all) are taken, none of which has a larger lot than one left out."""
    lots = np.array(lots, dtype=np.uint64)
    taken = first(lots, np.arange(len(lots)), count)
    rest = np.setdiff1d(np.arange(len(lots)), taken)
    assert len(taken) == min(count, len(lots))
    assert taken.tolist() == sorted(taken)
    assert not len(rest) or not len(taken) or lots[taken].max() <= lots[rest].min()


def test_share_rounds_halves_up():
    """A half of one is one, and of three two: Python's own rounding would make it even."""
    assert [share(0.5, count) for count in (1, 2, 3, 5)] == [1, 1, 2, 3]
    assert (share(0.3, 10), share(0.0, 9), share(1.0, 9)) == (3, 0, 9)
