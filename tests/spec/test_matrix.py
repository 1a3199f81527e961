"""The combinations of a matrix and their labels."""

from __future__ import annotations

from drdoctl.spec.matrix import combinations, place_of
from drdoctl.spec.model import Spec

BASE = {"version": 1, "name": "x", "data": {"source": {"jsonl": "a"}}, "student": {"model": "a/b"}}


def _labels(**extra):
    return [combo.label for combo in combinations(Spec.model_validate({**BASE, **extra}))]


def test_without_a_matrix_there_is_one_combination():
    """The label is the method's name, and the spec is the spec."""
    spec = Spec.model_validate({**BASE, "method": "dpo"})
    (combo,) = combinations(spec)
    assert (combo.label, combo.spec) == ("dpo", spec)


def test_methods_are_labelled_by_name_and_what_differs():
    """Names alone where they are unique; else the parameters that differ, where the spec gives them."""
    assert _labels(matrix={"method": ["drdo", "dpo"]}) == ["drdo", "dpo"]
    assert _labels(matrix={"method": ["drdo", {"name": "drdo", "alpha": 1}, "dpo"]}) == ["drdo", "drdo,alpha=1", "dpo"]
    alphas = [{"name": "drdo", "alpha": 0.1}, {"name": "drdo", "alpha": 1}]
    assert _labels(matrix={"method": alphas}) == ["drdo,alpha=0.1", "drdo,alpha=1"]


def test_other_axes_are_named_shortly():
    """The last words of a key that tell it apart, and plain values."""
    assert _labels(matrix={"method": ["dpo", "ipo"], "seed": [1, 2]}) == [
        "dpo,seed=1",
        "dpo,seed=2",
        "ipo,seed=1",
        "ipo,seed=2",
    ]
    assert _labels(method="dpo", matrix={"method.beta": [0.1, 10]}) == ["dpo,beta=0.1", "dpo,beta=10"]
    splits = ["all", {"name": "hard", "quantile": 0.3}]
    assert _labels(method="dpo", matrix={"data.split": splits}) == ["dpo,split=all", "dpo,split=hard(quantile=0.3)"]
    axes = {"train.seed_": [1]}
    assert place_of(("train", "seed_"), dict.fromkeys(axes, 0)) == ("matrix", "train.seed_", 0)


def test_labels_are_unique():
    """Whatever the axes, no two combinations share a label."""
    labels = _labels(
        matrix={
            "method": ["dpo", {"name": "dpo", "beta": 0.2}],
            "train.learning_rate": [1e-5, 2e-5],
            "student.sft": [False, {}],
        }
    )
    assert len(labels) == len(set(labels)) == 8


def test_each_combination_is_a_spec_without_matrix():
    """The picked values are in place, unset fields stay unset, and the shared rest is shared."""
    spec = Spec.model_validate(
        {**BASE, "matrix": {"method": ["dpo", {"name": "dpo", "beta": 1}], "train.max_steps": [5]}}
    )
    first, second = combinations(spec)
    assert first.spec.matrix == second.spec.matrix == {}
    assert (first.spec.method.beta, second.spec.method.beta) == (0.1, 1)
    assert first.spec.train.max_steps == 5
    assert first.spec.method.model_fields_set == {"name"}
    assert first.spec.data == second.spec.data == spec.data
