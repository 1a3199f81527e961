import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from drdoctl.data._distance import edit_distances

END = 2
ids = st.lists(st.integers(0, 2**31 - 1), max_size=12)


@given(st.lists(st.lists(ids, min_size=1, max_size=2), max_size=8))
def test_many_are_what_each_is_alone(pairs):
    """Distances of a batch are those of its pairs one by one, over ids of any size, end tokens left out."""
    found = edit_distances([[[*one, END] for one in pair] for pair in pairs])
    alone = [Levenshtein.normalized_distance(*pair) if len(pair) == 2 else None for pair in pairs]
    assert found == alone


def test_by_hand():
    """One token of four is another one: a quarter. Nothing against three tokens: all of it."""
    assert edit_distances([[[1, 5, 3, 4, END], [1, 2, 3, 4, END]], [[END], [1, 1, 1, END]]]) == [0.25, 1.0]


def test_nothing_to_compare():
    """Demonstrations, which have one response, have no distance; nor has an empty chunk."""
    assert edit_distances([]) == []
    assert edit_distances([[[1, END]], []]) == [None, None]
    assert not np.isnan(edit_distances([[[END], [END]]])[0])
