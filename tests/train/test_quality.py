"""Evaluate stages about reward models, on held-out pairs and on a file, against transformers' own forward pass."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
import transformers

from drdoctl.core import progress
from drdoctl.core.errors import UserError
from drdoctl.core.progress import StopRequested
from drdoctl.stages import Job
from drdoctl.train import chunks, quality
from drdoctl.train.models import Policy, new_head, new_lm, save_oracle

from .conftest import NEW_MODEL, VOCABULARY, write_data

SPECIAL = {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
HELD = [{"name": "oracle-quality"}]
ROWS = [
    {"prompt": "w3 w4", "chosen": "w5 w6", "rejected": "w7", "subset": "chat"},
    {"prompt": "w8", "chosen": "w9", "rejected": "w10 w11 w12", "subset": "code"},
    {"prompt": "w3", "chosen": "w4", "rejected": "w5", "subset": "code"},
]


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """Return a folder with data, and two reward models that differ in their weights."""
    root = tmp_path_factory.mktemp("quality")
    data = write_data(root / "data")
    table = pq.read_table(data / "eval.parquet")
    count = len(table)
    table = table.append_column("confidence", pa.array([float(row % 3) for row in range(count)]))
    pq.write_table(table.append_column("edit_distance", pa.array([None] * count, pa.float64())), data / "eval.parquet")
    for name, seed in (("first", 1), ("second", 2)):
        lm = new_lm(NEW_MODEL, seed, VOCABULARY, SPECIAL)
        save_oracle(Policy(lm, new_head(lm.config, seed)), root / name, data / "tokenizer" / "student")
    return root


def job_of(house, out, evals=HELD, models=("first",), locations=None, **settings):
    """Return a job that looks at some reward models."""
    out.mkdir(parents=True, exist_ok=True)
    inputs = {"data": "data", **{f"oracle-{at}": name for at, name in enumerate(models)}}
    return Job(
        kind="evaluate",
        id="evaluate[oracle]",
        artifact="evaluate-0",
        settings={"evaluate.of": "oracle", "evaluate": evals, "oracle.dtype": "fp32", "seed": 3, **settings},
        inputs={role: str(house / name) for role, name in inputs.items()},
        locations=locations or {},
        resources={"threads": 1, "device": "cpu"},
        out=str(out),
    )


def figures(out):
    """Return what the stage wrote, by (test set, metric, group)."""
    found = json.loads((out / "figures.json").read_text())["figures"]
    return {(each.get("test_set"), each["metric"], each.get("group")): each for each in found}


def by_transformers(folder, prompt, chosen, rejected):
    """Return a pair's margin as transformers alone has it."""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        rewards = [model(torch.tensor([[*prompt, *answer]])).logits.item() for answer in (chosen, rejected)]
    return rewards[0] - rewards[1]


def test_held_out_pairs_by_an_ensemble(house, tmp_path):
    """Margins are transformers' own for each member, and figures are of their mean, of groups and of members."""
    out = tmp_path / "out"
    quality.run(job_of(house, out, models=("first", "second")))
    pairs = pq.read_table(out / "pairs.parquet").to_pylist()
    held = pq.read_table(house / "data" / "eval.parquet").to_pylist()
    assert [row["id"] for row in pairs] == [row["id"] for row in held]
    for row, source in zip(pairs, held, strict=True):
        given = [source[f"student_{name}"] for name in ("prompt", "chosen", "rejected")]
        for member, name in enumerate(("first", "second")):
            assert row[f"margin_{member}"] == pytest.approx(by_transformers(house / name, *given), abs=1e-5)
    mean = np.array([(row["margin_0"] + row["margin_1"]) / 2 for row in pairs])
    found = figures(out)
    assert found[None, "accuracy", None]["value"] == pytest.approx((mean > 0).mean())
    assert found[None, "accuracy", None]["count"] == 6
    assert (None, "member_agreement", "members 0 and 1") in found
    assert any(group and group.startswith("confidence") for _, _, group in found)
    assert not any(group and group.startswith("edit") for _, _, group in found)  # nothing known of it


def test_a_file_of_pairs_and_its_subsets(house, tmp_path):
    """A file is rendered and tokenised as training did it; each subset has an accuracy, under the file's name."""
    file = tmp_path / "bench.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    evals = [{"name": "oracle-quality", "pairs": "…", "test_set": "bench"}, *HELD]
    out = tmp_path / "out"
    quality.run(job_of(house, out, evals, locations={"evaluate.0.pairs": str(file)}))
    tokenizer = transformers.AutoTokenizer.from_pretrained(house / "first")
    rows = [row for row in pq.read_table(out / "pairs.parquet").to_pylist() if row["test_set"] == "bench"]
    for row, source in zip(rows, ROWS, strict=True):
        prompt, chosen, rejected = (tokenizer(source[name])["input_ids"] for name in ("prompt", "chosen", "rejected"))
        expected = by_transformers(house / "first", prompt, [*chosen, 1], [*rejected, 1])
        assert row["margin_0"] == pytest.approx(expected, abs=1e-5)
    found = figures(out)
    assert found["bench", "accuracy", "subset code"]["count"] == 2
    assert found["bench", "length_accuracy", None]["value"] == pytest.approx((1 + 0 + 0.5) / 3)
    assert found[None, "accuracy", None]["count"] == 6
    assert any(group and group.startswith("edit distance") for _, _, group in found)


def test_single_responses_are_no_pairs(house, tmp_path):
    """A file of single responses is refused with its line."""
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"prompt": "w3", "response": "w4"}) + "\n")
    evals = [{"name": "oracle-quality", "pairs": "…", "test_set": "bench"}]
    with pytest.raises(UserError, match="needs pairs") as caught:
        quality.run(job_of(house, tmp_path / "out", evals, locations={"evaluate.0.pairs": str(file)}))
    assert Path(str(caught.value.faults[0].where)).name.startswith("rows.jsonl")


def test_interrupted_and_resumed_gives_the_same_bytes(house, tmp_path, monkeypatch):
    """Stopped between two pieces and run again, the stage leaves the bytes of an uninterrupted run."""
    monkeypatch.setattr(chunks, "BATCHES_A_CHUNK", 1)
    monkeypatch.setattr(chunks, "BATCH_TOKENS", 30)
    whole, out = tmp_path / "whole", tmp_path / "out"
    quality.run(job_of(house, whole, models=("first", "second")))
    calls = []
    with monkeypatch.context() as patch:
        patch.setattr(progress, "stop_requested", lambda job: calls.append(job) or len(calls) > 3)
        with pytest.raises(StopRequested):
            quality.run(job_of(house, out, models=("first", "second")))
    quality.run(job_of(house, out, models=("first", "second")))
    for name in ("figures.json", "pairs.parquet"):
        assert (out / name).read_bytes() == (whole / name).read_bytes()
