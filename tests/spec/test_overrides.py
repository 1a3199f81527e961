"""`--set`: dotted keys, our YAML, and a place in the fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from drdoctl.core.errors import UserError
from drdoctl.evals import evals
from drdoctl.spec.overrides import apply_sets, idle_sets, may_be_path


@pytest.mark.parametrize(
    ("raw", "text", "result"),
    [
        ({}, "seed=3", {"seed": 3}),
        ({}, "train.learning_rate=5e-7", {"train": {"learning_rate": 5e-7}}),
        ({"method": "drdo"}, "method.alpha=0.2", {"method": {"name": "drdo", "alpha": 0.2}}),
        ({"data": {"source": "notes"}}, "data.source.train=8", {"data": {"source": {"name": "notes", "train": 8}}}),
        (
            {"data": {"split": "hard"}},
            "data.split.quantile=0.3",
            {"data": {"split": {"name": "hard", "quantile": 0.3}}},
        ),
        ({"evaluate": ["win-rate"]}, "evaluate.0.prompts=5", {"evaluate": [{"name": "win-rate", "prompts": 5}]}),
        ({"train": {"epochs": 2}}, "train.max_steps=9", {"train": {"max_steps": 9}}),
        ({"train": {"warmup_ratio": 0.1}}, "train.warmup_steps=9", {"train": {"warmup_steps": 9}}),
        (
            {"matrix": {"method": ["dpo"]}},
            "matrix.method.0.beta=1",
            {"matrix": {"method": [{"name": "dpo", "beta": 1}]}},
        ),
        ({}, "matrix.method.beta=[0.1, 1]", {"matrix": {"method.beta": [0.1, 1]}}),
        ({}, "method={name: dpo, beta: 1}", {"method": {"name": "dpo", "beta": 1}}),
        ({}, "a=b=c", {"a": "b=c"}),
        (
            {"data": {"split": "hard"}},
            "data.split.0.quantile=0.3",
            {"data": {"split": [{"name": "hard", "quantile": 0.3}]}},
        ),
        ({"evaluate": ["a"]}, "seed.²=1", {"evaluate": ["a"], "seed": {"²": 1}}),
        ({"publish": {"student": "zoo/a"}}, "publish=", {"publish": None}),
    ],
)
def test_values_are_put_at_their_keys(tmp_path, raw, text, result):
    """Keys may go through lists, bare names and a matrix; exclusive options take each other's place."""
    apply_sets(raw, [text], tmp_path)
    assert raw == result


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("seed", "usage"),
        ("=3", "usage"),
        ("a..b=3", "usage"),
        ("seed=[1", "syntax"),
        ("seed=.inf", "wrong-number"),
        ("evaluate.3.prompts=5", "unknown-field"),
        ("student.sft.epochs=2", "unknown-field"),
        ("student.0=2", "unknown-field"),
        ("evaluate.²=2", "unknown-field"),
        (f"evaluate.{'9' * 5000}=2", "unknown-field"),
        ("a." * 3000 + "b=2", "usage"),
    ],
)
def test_faults_name_the_set(tmp_path, text, code):
    """A wrong `--set` is a fault that shows it, and all of them are shown at once."""
    raw = {"evaluate": ["win-rate"], "student": {"sft": False}}
    with pytest.raises(UserError) as caught:
        apply_sets(raw, [text, "seed=!!x 1"], tmp_path)
    first, second = caught.value.faults
    assert first.code == code
    assert str(first.where).startswith("--set ")
    assert second.code == "tag"


def test_paths_are_relative_to_the_current_folder(tmp_path, monkeypatch):
    """A path that exists from here is rewritten to be found from the spec's folder; others stay as they are."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "pairs.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    raw = {}
    sets = ["data.source={jsonl: pairs.jsonl, eval: absent.jsonl}", "student.model=facebook/opt-125m", "name=specs"]
    apply_sets(raw, sets, tmp_path / "specs")
    assert raw["data"]["source"] == {"jsonl": "../pairs.jsonl", "eval": "absent.jsonl"}
    assert (raw["student"]["model"], raw["name"]) == ("facebook/opt-125m", "specs")
    raw = {"evaluate": ["oracle-quality"]}
    apply_sets(raw, ["evaluate.0.pairs=pairs.jsonl", "judges.j={model: specs}"], tmp_path / "specs")
    assert (raw["evaluate"][0]["pairs"], raw["judges"]["j"]["model"]) == ("../pairs.jsonl", ".")
    apply_sets(raw, ["evaluate=[{name: alpaca-eval, instructions: pairs.jsonl}]"], tmp_path / "specs")
    assert raw["evaluate"][0]["instructions"] == "../pairs.jsonl"


@pytest.mark.parametrize("cls", evals().values())
def test_files_of_evals_may_be_set(cls):
    """Each option by which an eval names a file is known to hold a path."""
    words = {name: "./a.json" for name, field in cls.model_fields.items() if field.annotation in (str, str | None)}
    named = cls.model_construct(**words).files()
    assert all(may_be_path(("evaluate", 0, option)) for option in named)
    assert not may_be_path(("evaluate", 0, "name"))


def test_what_the_matrix_gives_cannot_be_set_beside_it():
    """An override that every combination would put aside is a fault with the key to set; any other key is none."""
    raw = {
        "seed": 1,
        "train": {},
        "data": {"split": [{"name": "sample"}]},
        "matrix": {"seed": [1, 2], "method": ["dpo"]},
    }
    (fault,) = idle_sets(raw, apply_sets(raw, ["seed=9", "train.learning_rate=0.1"], Path()))
    assert (fault.code, fault.where.file) == ("no-effect", "--set seed")
    assert "`matrix.seed`" in fault.message
    (below,) = idle_sets({**raw, "method": {"beta": 2}}, {("method", "beta"): "method.beta"})
    assert "`matrix.method`" in below.message
    assert idle_sets({**raw, "matrix": {"data.split.0.rows": [1]}}, {("data", "split"): "data.split"}) == []
    assert idle_sets({**raw, "method": None}, {("method",): "method"}) == []
    assert idle_sets({**raw, "matrix": 3}, {("seed",): "seed"}) == []
