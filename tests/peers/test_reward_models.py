"""Reward models to and from TRL: what RewardTrainer saved is imported, and what is exported gives TRL its scores."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("trl")
sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

import plain
import torch
import toy
from datasets import Dataset
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from drdoctl import cli
from drdoctl.train.models import save_policy

pytestmark = [pytest.mark.peers, pytest.mark.slow]
QUIET = {
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "report_to": "none",
    "disable_tqdm": True,
    "max_steps": 1,
    "dataloader_pin_memory": False,
}
ROWS = [
    {
        "prompt": f"w{9 + at} w10",
        "chosen": " ".join(f"w{20 + at + n}" for n in range(1 + at)),
        "rejected": f"w{30 + at}",
    }
    for at in range(6)
]


def run(*words, store):
    """Run a verb and return its JSON."""
    from contextlib import redirect_stdout
    from io import StringIO

    out = StringIO()
    with redirect_stdout(out):
        assert cli.run([*map(str, words), "--store", str(store), "--json"]) == 0
    return json.loads(out.getvalue())


def write_rows(path, rows):
    """Write JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def one_thread(monkeypatch):
    """Children take one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize("pad", ["<pad>", None])
@pytest.mark.parametrize("chat", [False, True])
def test_what_reward_trainer_saved_is_an_oracle(pad, chat, tmp_path):
    """After a step of RewardTrainer, `drdoctl score` gives the rewards that TRL reads, where the end token pads too."""
    from trl import RewardConfig, RewardTrainer

    base, saved = tmp_path / "base", tmp_path / "saved"
    template = toy.CHATML if chat else None
    more = {"eos": "<|im_end|>"} if chat else {}
    tokenizer = toy.write_tokenizer(tmp_path / "tokenizer", pad=pad, template=template, **more)
    policy = plain.policy(plain.fields("llama") | {"pad_token_id": None})
    policy.head = None
    save_policy(policy, base, tokenizer)
    rows = [_told(row) for row in ROWS] if chat else [_joined(row) for row in ROWS]
    trainer = RewardTrainer(
        model=str(base),
        args=RewardConfig(output_dir=str(tmp_path / "out"), learning_rate=1e-2, **QUIET),
        train_dataset=Dataset.from_list(rows),
    )
    trainer.train()
    trainer.save_model(str(saved))
    ids = [row[f"{side}_ids"] for row in trainer.train_dataset for side in ("chosen", "rejected")]
    theirs = toy.by_transformers(saved, ids, batch=16)
    told = run("import", saved, "--as", "theirs", store=tmp_path / "store")
    end = "<|im_end|>" if chat else "<eos>"
    assert told["pad_token"] == (pad or end)
    assert bool(told["notes"]) == (pad is None)
    file = write_rows(tmp_path / "rows.jsonl", ROWS)
    scored = run("score", told["artifact"], file, store=tmp_path / "store")["rows"]
    ours = [row[f"reward_{side}"] for row in scored for side in ("chosen", "rejected")]
    assert ours == pytest.approx(theirs.tolist(), rel=1e-4, abs=1e-5)
    assert max(ours) - min(ours) > 0.1


def _joined(row):
    return {"prompt": row["prompt"], "chosen": f" {row['chosen']}", "rejected": f" {row['rejected']}"}


def _told(row):
    asked = [{"role": "user", "content": row["prompt"]}]
    return {side: [*asked, {"role": "assistant", "content": row[side]}] for side in ("chosen", "rejected")}


@pytest.mark.parametrize("after", ["", " w8"])
def test_grpo_reads_the_scores_of_an_export(after, tmp_path):
    """As GRPOTrainer's reward function, an exported oracle gives conversations the rewards of `drdoctl score`."""
    from trl import GRPOConfig, GRPOTrainer

    template = toy.CHATML.replace("{{ after }}", after)
    oracle = toy.write_oracle(tmp_path / "oracle", "llama", template=template)
    student = tmp_path / "student"
    save_policy(plain.policy(plain.fields("llama")), student, tmp_path / "oracle-tokenizer")
    target = tmp_path / "exported"
    assert run("export", oracle, target, store=tmp_path / "store")["ends_where_read"] is True
    prompts = [[{"role": "user", "content": row["prompt"]}] for row in ROWS]
    completions = [[{"role": "assistant", "content": row["chosen"]}] for row in ROWS]
    trainer = GRPOTrainer(
        model=str(student),
        reward_funcs=str(target),
        args=GRPOConfig(output_dir=str(tmp_path / "out"), num_generations=2, per_device_train_batch_size=2, **QUIET),
        train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
    )
    inputs = [{"prompt": prompt} for prompt in prompts]
    theirs = trainer._calculate_rewards(inputs, prompts, completions, [[1]] * len(prompts))[:, 0]
    rows = [{"prompt": row["prompt"], "response": row["chosen"]} for row in ROWS]
    scored = run("score", oracle, write_rows(tmp_path / "rows.jsonl", rows), store=tmp_path / "store")["rows"]
    assert theirs.tolist() == pytest.approx([row["reward"] for row in scored], rel=1e-4, abs=1e-5)


def test_reward_trainer_goes_on_from_an_export(tmp_path):
    """TRL loads an exported oracle as a reward model of its own, with its tokenizer and its padding token."""
    from trl import RewardConfig, RewardTrainer

    oracle = toy.write_oracle(tmp_path / "oracle", "llama")
    run("export", oracle, tmp_path / "exported", "--dtype", "bf16", store=tmp_path / "store")
    trainer = RewardTrainer(
        model=str(tmp_path / "exported"),
        args=RewardConfig(output_dir=str(tmp_path / "out"), **QUIET),
        train_dataset=Dataset.from_list([_joined(row) for row in ROWS]),
    )
    assert trainer.model.config.pad_token_id == AutoTokenizer.from_pretrained(tmp_path / "exported").pad_token_id == 0
    before = AutoModelForSequenceClassification.from_pretrained(oracle).score.weight
    torch.testing.assert_close(trainer.model.score.weight.float(), before, rtol=1e-2, atol=1e-2)
