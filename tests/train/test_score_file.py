"""Scoring a file, against transformers' own forward pass."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    LlamaConfig,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
)

from drdoctl.core.errors import UserError
from drdoctl.train import score_file, scoring
from drdoctl.train.score_file import Request, main, run

PAIRS = [
    {"id": f"r{number}", "prompt": f"w{3 + number} w4", "chosen": "w5 " * (1 + number % 5) + "w6", "rejected": "w7 w8"}
    for number in range(9)
]


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    """A tiny reward model's folder."""
    folder = tmp_path_factory.mktemp("oracle")
    words = {"<pad>": 0, "<eos>": 1, "<unk>": 2, **{f"w{number}": number for number in range(3, 40)}}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # no password
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **tokens).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=40, **shape, num_labels=1, pad_token_id=0, max_position_embeddings=32)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return folder


def _request(oracle, tmp_path, rows, name="scored.jsonl", **changes):
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    fields = {
        "oracle": str(oracle),
        "file": str(file),
        "rows": str(tmp_path / name),
        "template": "auto",
        "dtype": "fp32",
        "device": "cpu",
        "threads": 1,
        "total": len(rows),
        "out": str(tmp_path),
    }
    return Request(**{**fields, **changes})


def _by_transformers(folder, prompt, answer):
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = AutoTokenizer.from_pretrained(folder)(f"{prompt} {answer} <eos>", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return model(input_ids=ids).logits.item()


def test_pairs_score_as_transformers_scores_them(oracle, tmp_path, monkeypatch):
    """Rows come out in order, with what they held and the rewards that transformers alone gives, chunk by chunk."""
    monkeypatch.setattr(score_file, "CHUNK", 4)
    summary = run(_request(oracle, tmp_path, PAIRS))
    rows = [json.loads(line) for line in (tmp_path / "scored.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in rows] == [row["id"] for row in PAIRS]
    for row in rows:
        for name in ("chosen", "rejected"):
            assert row[f"reward_{name}"] == pytest.approx(_by_transformers(oracle, row["prompt"], row[name]), abs=1e-5)
        assert row["margin"] == pytest.approx(row["reward_chosen"] - row["reward_rejected"])
    margins = [row["margin"] for row in rows]
    assert summary["pairs"] == 9
    assert summary["accuracy"] == pytest.approx(sum(margin > 0 for margin in margins) / 9)
    assert summary["mean_margin"] == pytest.approx(sum(margins) / 9)
    whole = {figure["metric"]: figure for figure in summary["figures"] if "group" not in figure}
    assert whole["accuracy"]["value"] == pytest.approx(summary["accuracy"])
    assert whole["length_accuracy"]["value"] == pytest.approx(8 / 9)  # two ties, the others are longer


def test_a_pair_computes_its_prompt_once(oracle, tmp_path, monkeypatch):
    """Both responses of a pair go to the model with one copy of their prompt, in length order within the budget."""
    seen = []

    def spy(model, items, dtype, *, logp):
        seen.append([len(prompt) + sum(map(len, answers)) for prompt, answers in items])
        assert all(len(answers) == 2 for _, answers in items)
        return scoring.score_batch(model, items, dtype, logp=logp)

    monkeypatch.setattr(score_file, "score_batch", spy)
    monkeypatch.setattr(score_file, "BATCH_TOKENS", 20)
    run(_request(oracle, tmp_path, PAIRS))
    lengths = [length for batch in seen for length in batch]
    assert len(lengths) == len(PAIRS)
    assert lengths == sorted(lengths)
    assert max(map(sum, seen)) <= 20


def test_responses_and_parquet(oracle, tmp_path):
    """Single responses get one reward each, and a Parquet name gives a Parquet file of the same rows."""
    pq = pytest.importorskip("pyarrow.parquet")
    rows = [{"prompt": row["prompt"], "response": row["chosen"]} for row in PAIRS]
    summary = run(_request(oracle, tmp_path, rows, "scored.parquet"))
    scored = pq.read_table(tmp_path / "scored.parquet").to_pylist()
    assert [row["response"] for row in scored] == [row["response"] for row in rows]
    assert scored[0]["reward"] == pytest.approx(
        _by_transformers(oracle, rows[0]["prompt"], rows[0]["response"]), abs=1e-5
    )
    assert summary["responses"] == 9
    assert summary["mean_reward"] == pytest.approx(sum(row["reward"] for row in scored) / 9)


def test_rows_longer_than_the_model(oracle, tmp_path):
    """A row that the model has no positions for is named; nothing is written."""
    rows = [*PAIRS, {"prompt": "w3 " * 30, "chosen": "w4 w5", "rejected": "w6"}]
    with pytest.raises(UserError, match="takes 32 tokens at most"):
        run(_request(oracle, tmp_path, rows))
    assert not (tmp_path / "scored.jsonl").exists()


def test_words_that_the_tokenizer_lacks(oracle, tmp_path):
    """Without a token for unknown words, every row that holds one is named with the word; nothing is written."""
    strict = tmp_path / "strict"
    AutoModelForSequenceClassification.from_pretrained(oracle).save_pretrained(strict)
    backend = Tokenizer(models.WordLevel({"<eos>": 1, **{f"w{number}": number for number in range(3, 40)}}))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>").save_pretrained(strict)
    assert run(_request(strict, tmp_path, PAIRS))["pairs"] == 9
    (tmp_path / "scored.jsonl").unlink()
    rows = [PAIRS[0], {**PAIRS[0], "prompt": "a zebra"}, PAIRS[1], {**PAIRS[0], "rejected": "w3 yak"}]
    with pytest.raises(UserError) as caught:
        run(_request(strict, tmp_path, rows))
    found = [(fault.code, fault.message.split("`")[1], str(fault.where), fault.hint) for fault in caught.value.faults]
    file = tmp_path / "rows.jsonl"
    hint = "write it in other words, leave the row out, or take a model whose tokenizer knows it"
    assert found == [("unknown-word", "a", f"{file}:2", hint), ("unknown-word", "yak", f"{file}:4", hint)]
    assert not (tmp_path / "scored.jsonl").exists()


def test_weights_that_are_not_finite(oracle, tmp_path):
    """An oracle with NaN in its weights is refused, and the faults are left for the parent."""
    model = AutoModelForSequenceClassification.from_pretrained(oracle)
    with torch.no_grad():
        model.score.weight[0, 0] = math.nan
    broken = tmp_path / "broken"
    model.save_pretrained(broken)
    AutoTokenizer.from_pretrained(oracle).save_pretrained(broken)
    request = _request(broken, tmp_path, PAIRS)
    (tmp_path / "request.json").write_text(json.dumps(request.__dict__), encoding="utf-8")
    assert main(tmp_path / "request.json") == 2
    (fault,) = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["faults"]
    assert fault["code"] == "not-finite"
    assert not (tmp_path / "scored.jsonl").exists()


def test_equal_responses_are_exact_ties(oracle, tmp_path, monkeypatch):
    """Whatever half precision makes of one text at two places of a batch, its pair has no margin."""
    exact = score_file.score_batch

    def shaken(*given, **more):
        values = exact(*given, **more)
        return values + np.tile([0.0, 3e-3], len(values) // 2)

    monkeypatch.setattr(score_file, "score_batch", shaken)
    twins = [{**row, "rejected": row["chosen"]} for row in PAIRS]
    summary = run(_request(oracle, tmp_path, twins, dtype="bf16"))
    assert (summary["accuracy"], summary["mean_margin"]) == (0.5, 0.0)
    assert run(_request(oracle, tmp_path, PAIRS))["mean_margin"] != 0
