"""Finding the artifact that a user means."""

from __future__ import annotations

import pytest
import zoo_things

from drdoctl.core.errors import UserError
from drdoctl.zoo.lineage import find


def test_find(store, oracle, tmp_path):
    """A name, its beginning and its folder all mean the artifact."""
    zoo_things.make_artifact(store, "align")
    assert find(store, oracle) == (store, oracle)
    assert find(store, oracle[:10]) == (store, oracle)
    elsewhere, name = find(type(store)(tmp_path / "nowhere"), str(store.path(oracle)))
    assert (elsewhere.root, name) == (store.root, oracle)


def test_find_nothing_or_too_much(store, oracle):
    """A name that fits none or several is exit 2 with the nearest or all of them."""
    other = zoo_things.make_artifact(store, "oracle", seed=1)
    with pytest.raises(UserError, match=other):
        find(store, "oracle-")
    with pytest.raises(UserError) as error:
        find(store, oracle[:-1] + "x")
    assert "did you mean" in (error.value.faults[0].hint or "")
