"""What a card says of an oracle's rewards, scored or read from what a stage has scored."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")

from transformers import AutoModelForSequenceClassification  # noqa: E402

from drdoctl.train import worth  # noqa: E402

MODELS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_models.py"))
CONFIG = {"model_type": "llama", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
CONFIG |= {"intermediate_size": 32, "vocab_size": 261}


@pytest.fixture
def data(tmp_path):
    """A data artifact with 80 held-out pairs."""
    draw = np.random.default_rng(0)
    rows = [
        {
            "id": str(at),
            "student_prompt": [10, 11, at],
            "student_chosen": [*draw.integers(5, 200, draw.integers(2, 9)).tolist(), 1],
            "student_rejected": [*draw.integers(5, 200, 5).tolist(), 1],
        }
        for at in range(80)
    ]
    (tmp_path / "artifacts" / "data").mkdir(parents=True)
    ids = pa.list_(pa.int32())
    schema = pa.schema([("id", pa.string()), *((name, ids) for name in list(rows[0])[1:])])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), tmp_path / "artifacts" / "data" / "eval.parquet")
    return tmp_path / "artifacts" / "data"


@pytest.fixture
def request_of(tmp_path, data):
    """A request about a small oracle and those pairs; `more` goes into what it says of the pairs."""
    MODELS["save_model"](tmp_path / "model")

    def make(**more):
        return {
            "model": str(tmp_path / "model"),
            "config": CONFIG,
            "pairs": {"data": str(data), "who": "oracle", **more},
        }

    return make


def test_scored_and_stored_rewards_say_the_same(request_of, data, tmp_path, monkeypatch):
    """Rewards are those of plain transformers; stored ones give the same figures, and need no model."""
    scored = worth.measure(request_of(), "cpu")
    kept = {}
    monkeypatch.setattr(worth, "_described", lambda rewards, _rows: kept.setdefault("rewards", rewards) is None or {})
    worth.measure(request_of(), "cpu")
    monkeypatch.undo()
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    rows = pq.read_table(data / "eval.parquet").to_pylist()
    with torch.no_grad():
        for row, pair in zip(rows, kept["rewards"].tolist(), strict=True):
            for name, reward in zip(("student_chosen", "student_rejected"), pair, strict=True):
                ids = torch.tensor([row["student_prompt"] + row[name]])
                assert model(ids).logits.item() == pytest.approx(reward, abs=1e-5)
    table = {"chosen_0": kept["rewards"][:, 1], "rejected_0": kept["rewards"][:, 0]}
    table |= {"chosen_1": kept["rewards"][:, 0], "rejected_1": kept["rewards"][:, 1]}
    pq.write_table(pa.table(table), tmp_path / "rewards.parquet")
    assert worth.measure(request_of(rewards=str(tmp_path / "rewards.parquet"), member=1), None) == scored
    assert scored["pairs"] == [80, 80]


def test_statistics_and_quality(request_of):
    """Count, mean, spread, ends and quantiles of both responses' rewards; accuracy with its interval, and the rest."""
    found = worth.measure(request_of(), "cpu")
    reward, quality = found["reward"], found["quality"]
    assert reward["count"] == 160
    assert reward["min"] < reward["quantiles"]["0.05"] < reward["quantiles"]["0.5"] < reward["max"]
    assert quality["accuracy"]["low"] < quality["accuracy"]["value"] < quality["accuracy"]["high"]
    assert {"calibration_error", "length_correlation", "log_loss"} <= quality.keys()
    assert quality["accuracy"]["count"] == 80


def test_what_takes_too_long_is_not_measured(request_of, monkeypatch):
    """Where scoring would take minutes, or the model is not to be had, the card says so and how to measure."""
    assert "could not be loaded" in worth.measure(request_of(), None)["unmeasured"][0]
    monkeypatch.setitem(worth.AFFORDABLE, "cpu", 1e6)
    assert "oracle-quality" in worth.measure(request_of(), "cpu")["unmeasured"][0]
    assert worth.measure({"pairs": None}, "cpu") == {}


def test_only_as_many_pairs_as_can_be_afforded(request_of, monkeypatch):
    """A limit on the operations is a limit on the pairs, and the card says how many of how many."""
    monkeypatch.setattr(worth, "FEWEST", 10)
    each = worth.measure(request_of(), "cpu")
    monkeypatch.setattr(worth, "PAIRS", 20)
    assert worth.measure(request_of(), "cpu")["pairs"] == [20, 80]
    assert each["pairs"] == [80, 80]
