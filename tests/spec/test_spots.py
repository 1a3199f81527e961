"""Following pydantic's `loc` through what was written."""

from __future__ import annotations

import pytest

from drdoctl.spec.spots import spot_of


@pytest.mark.parametrize(
    ("loc", "raw", "path", "thing"),
    [
        (("seed",), {"seed": 1}, ("seed",), "a spec"),
        (("method", "drdo", "alpha"), {"method": {"name": "drdo", "alpha": 1}}, ("method", "alpha"), "method `drdo`"),
        (
            ("data", "source", "jsonl", "eval"),
            {"data": {"source": {"jsonl": "a", "eval": 1}}},
            ("data", "source", "eval"),
            "dataset `jsonl`",
        ),
        (("data", "source", "jsonl", "jsonl"), {"data": {"source": "jsonl"}}, ("data", "source"), "dataset `jsonl`"),
        (
            ("data", "split", 0, "hard", "quantile"),
            {"data": {"split": {"name": "hard", "quantile": 2}}},
            ("data", "split", "quantile"),
            "split `hard`",
        ),
        (
            ("data", "split", 1, "hard", "q"),
            {"data": {"split": ["all", {"q": 2}]}},
            ("data", "split", 1, "q"),
            "split `hard`",
        ),
        (
            ("student", "model", "settings", "layers"),
            {"student": {"model": {"layers": 0}}},
            ("student", "model", "layers"),
            "`student.model`",
        ),
        (
            ("student", "sft", "settings", "epochs"),
            {"student": {"sft": {"epochs": 0}}},
            ("student", "sft", "epochs"),
            "`student.sft`",
        ),
        (
            ("evaluate", 0, "win-rate", "against", 1),
            {"evaluate": [{"against": ["a", "b"]}]},
            ("evaluate", 0, "against", 1),
            "eval `win-rate`",
        ),
        (("train", "epochs"), {"train": {}}, ("train", "epochs"), "`train`"),
    ],
)
def test_places_are_those_of_the_file(loc, raw, path, thing):
    """Union tags drop out, indices of short forms too, and the owner is named in words."""
    spot = spot_of(loc, raw)
    assert (spot.path, spot.thing) == (path, thing)
