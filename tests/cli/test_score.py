"""`drdoctl score`, its child process included."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

from drdoctl import cli
from drdoctl.stages import Want
from drdoctl.store.artifact import Store

THINGS = runpy.run_path(str(Path(__file__).parents[1] / "zoo" / "zoo_things.py"))
PAIRS = [{"prompt": "w3 w4", "chosen": f"w{number} w6", "rejected": "w7 w8"} for number in range(9, 14)]


def _model_files(folder):
    """Return the files of a tiny reward model with its tokenizer."""
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForSequenceClassification, PreTrainedTokenizerFast

    words = {"<pad>": 0, "<eos>": 1, "<unk>": 2, **{f"w{number}": number for number in range(3, 40)}}
    backend = Tokenizer(models.WordLevel(words, unk_token="<unk>"))  # no password
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=backend, **tokens).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=40, **shape, num_labels=1, pad_token_id=0, max_position_embeddings=32)
    LlamaForSequenceClassification(config).save_pretrained(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_score_from_the_zoo(tmp_path, monkeypatch, capsys):
    """An oracle that was pushed is pulled and scores a file; rows go to stdout in their order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DRDOCTL_ZOO", "zoo")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (tmp_path / "model").mkdir()
    data = Want("data", 1, {"data.template": "none"})
    oracle = Want("oracle", 1, {"oracle.dtype": "fp32"}, {"data": data})
    made = Store(Path("maker"))
    made.prepare()
    THINGS["commit"](made, data, {"report.json": b"{}"})
    THINGS["commit"](made, oracle, _model_files(tmp_path / "model"))
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS), encoding="utf-8")
    assert cli.run(["push", oracle.artifact, "zoo/tiny", "--store", "maker"]) == 0
    capsys.readouterr()
    assert cli.run(["score", "zoo/tiny", "pairs.jsonl", "--store", "mine", "--json"]) == 0
    seen = capsys.readouterr()
    answer = json.loads(seen.out)
    rows = answer["rows"]
    assert [row["chosen"] for row in rows] == [row["chosen"] for row in PAIRS]
    assert all(row["margin"] == pytest.approx(row["reward_chosen"] - row["reward_rejected"]) for row in rows)
    assert answer["summary"]["pairs"] == 5
    assert Store(Path("mine")).manifest(oracle.artifact)["zoo"]["template"] == "none"


def test_bad_rows_are_named(tmp_path, monkeypatch, capsys):
    """A row that cannot be scored is named with its line before anything is fetched or loaded: exit 2, no file left."""
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"prompt": "w3", "response": "w4"}\n{"prompt": "w3"}\n', encoding="utf-8")
    assert cli.run(["score", "zoo/nowhere", "rows.jsonl", "--out", "out.jsonl"]) == 2
    seen = capsys.readouterr()
    assert "rows.jsonl:2" in seen.err
    assert seen.out == ""
    assert not Path("out.jsonl").exists()


def test_not_an_oracle(tmp_path, capsys):
    """A student, a missing file and an unknown name are exit 2, before any model is loaded."""
    store = Store(tmp_path / "store")
    store.prepare()
    student = THINGS["make_artifact"](store, "align")
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "w3", "response": "w4"}\n', encoding="utf-8")
    where = ["--store", str(store.root)]
    assert cli.run(["score", student, str(file), *where]) == 2
    assert "is no oracle" in capsys.readouterr().err
    assert cli.run(["score", student, str(tmp_path / "none.jsonl"), *where]) == 2
    assert "no file" in capsys.readouterr().err
    assert cli.run(["score", "oracle-x", str(file), *where]) == 2
    assert "no complete artifact" in capsys.readouterr().err
