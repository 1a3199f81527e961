"""A combination as the rules see it."""

from __future__ import annotations

from drdoctl.core.errors import Where
from drdoctl.spec.case import Case
from drdoctl.spec.matrix import combinations
from drdoctl.spec.model import Spec


def _cases(tmp_path):
    raw = {
        "version": 1,
        "name": "x",
        "data": {"source": "notes"},
        "student": {"model": {}},
        "matrix": {"method": ["dpo", {"name": "dpo", "beta": 1}]},
    }
    combos = combinations(Spec.model_validate(raw))
    return [Case(combo, raw, lambda path, key: Where(".".join(map(str, path))), tmp_path) for combo in combos]


def test_given_and_where_look_into_the_matrix(tmp_path):
    """An option counts as written where its own combination writes it, and its place is inside the matrix."""
    first, second = _cases(tmp_path)
    assert (first.given("method.beta"), second.given("method.beta")) == (False, True)
    assert str(second.where("method.beta")) == "matrix.method.1.beta"
    assert first.given("data.source")
    assert not first.given("train.epochs")
    nearest = [one.nearest("method.beta", "train.epochs", "method") for one in (first, second)]
    assert nearest == ["method", "method.beta"]
    assert first.nearest("train.epochs", "train.max_steps") == "train.max_steps"


def test_models_are_told_apart_by_how_they_are_written(tmp_path):
    """New models, `sft`, zoo names, folders that are there or begin like a path, and Hub ids."""
    case = _cases(tmp_path)[0]
    (tmp_path / "start").mkdir()
    kinds = {
        "sft": "sft",
        "zoo/a": "zoo",
        "start": "folder",
        "./x": "folder",
        "~/x": "folder",
        "a/b": "hub",
        "gpt2": "hub",
    }
    assert {model: case.model_kind(model) for model in kinds} == kinds
    assert case.model_kind(case.spec.student.model) == "new"
