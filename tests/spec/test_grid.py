"""Which combinations of a matrix differ in the seed alone, and which ones `select` compares."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from drdoctl.spec.grid import differing, places, value_at
from drdoctl.spec.matrix import combinations
from drdoctl.spec.model import Spec

BASE = {"version": 1, "name": "x", "data": {"source": {"jsonl": "a"}}, "student": {"model": "a/b"}}


def found(over=None, **extra):
    """Return the places of a spec's combinations."""
    select = {"select": {"metric": "truth.reward", "over": over}} if over else {}
    spec = Spec.model_validate({**BASE, **extra, **select})
    return places(spec, combinations(spec))


def test_seeds_share_a_setting_and_rates_a_group():
    """A setting is a combination without its seed; a group is a setting without what is chosen."""
    matrix = {"method": ["dpo", "ipo"], "train.learning_rate": [1e-4, 1e-3], "seed": [0, 1]}
    place = found("train.learning_rate", matrix=matrix)[1]
    assert (place.label, place.seed) == ("dpo,learning_rate=0.0001,seed=1", 1)
    assert (place.setting, place.group) == ("dpo,learning_rate=0.0001", "dpo")
    assert place.values == {"train.learning_rate": 1e-4}
    every = found("train.learning_rate", matrix=matrix)
    assert [one.group for one in every] == ["dpo"] * 4 + ["ipo"] * 4
    assert len({one.setting for one in every}) == 4


def test_parameters_of_methods_can_be_chosen():
    """Methods of one name that differ in a parameter are compared; another method is a group of its own."""
    methods = ["dpo", {"name": "dpo", "beta": 0.2}, {"name": "ipo", "tau": 0.2}]
    every = found("method.beta", matrix={"method": methods})
    assert [one.group for one in every] == ["dpo", "dpo", "ipo"]
    assert [one.values["method.beta"] for one in every] == [0.1, 0.2, None]
    assert [one.setting for one in every] == ["dpo", "dpo,beta=0.2", "ipo"]


def test_a_method_can_be_chosen_whole():
    """With the method itself to choose, all that is left in a name is the rest, or `all`."""
    matrix = {"method": ["dpo", "ipo"], "data.split": ["easy", "hard"]}
    assert [one.group for one in found("method", matrix=matrix)] == ["split=easy", "split=hard"] * 2
    assert [one.group for one in found("method", matrix={"method": ["dpo", "ipo"]})] == ["all", "all"]


def test_groups_that_are_called_alike_are_told_apart():
    """What differs and is not shown gets a number, so that no two groups share a name."""
    axes = {"train.learning_rate": [1.00000001e-4, 1.00000002e-4], "train.max_steps": [1, 2]}
    every = found("train.max_steps", method="dpo", matrix=axes)
    assert [one.group for one in every][::2] == ["dpo,learning_rate=0.0001#1", "dpo,learning_rate=0.0001#2"]


def test_without_select_and_seeds_a_setting_is_a_combination():
    """There are no groups, and every setting is called as its only combination."""
    every = found(matrix={"method": ["dpo", "ipo"]})
    assert [(one.setting, one.group) for one in every] == [("dpo", None), ("ipo", None)]


def test_what_methods_differ_in():
    """Parameters in which methods of one name differ, and no others."""
    spec = Spec.model_validate({**BASE, "matrix": {"method": ["dpo", {"name": "dpo", "beta": 2}, "ipo"]}})
    assert differing(combinations(spec)) == ["method.beta"]


def test_values_that_are_not_there():
    """A key with no place has no value."""
    plain = {"a": {"b": [1, {"c": 2}]}}
    assert value_at(plain, "a.b.1.c") == 2
    assert value_at(plain, "a.b.2.c") is None
    assert value_at(plain, "a.b.c") is None


@given(st.lists(st.sampled_from([0, 1, 2, 3]), min_size=1, max_size=4, unique=True), st.booleans())
def test_every_setting_has_every_seed_once(seeds, choose):
    """Whatever the seeds, the settings divide the combinations evenly."""
    matrix = {"method": ["dpo", "ipo"], "seed": seeds, "train.max_steps": [3, 4]}
    every = found("train.max_steps" if choose else None, matrix=matrix)
    for setting in {one.setting for one in every}:
        assert sorted(one.seed for one in every if one.setting == setting) == sorted(seeds)
