"""A whole apply with adapters: each stage reads what the one before left, and so does everybody else."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

from transformers import AutoTokenizer  # noqa: E402

from drdoctl.data._tokenizers import choose_pad, load_tokenizer  # noqa: E402
from drdoctl.data.notes import Notes  # noqa: E402
from drdoctl.train.models import Policy, new_lm, save_policy  # noqa: E402

SPEC = """
version: 1
name: adapters
data: {source: {name: notes, train: 64, eval: 16, sft: 64, prompts: 8}, max_prompt_tokens: 48, max_tokens: 80}
student:
  model: ./base
  sft: {max_steps: 4, global_batch: 16, learning_rate: 1.0e-2}
  lora: {rank: 4, alpha: 8, merge: false}
oracle:
  model: ./base
  lora: {rank: 2, target: [q_proj, v_proj], merge: false}
  max_steps: 3
  global_batch: 16
method: drdo
train: {max_steps: 3, global_batch: 16, learning_rate: 1.0e-3}
evaluate:
  - {name: win-rate, judge: oracle, against: [sft], temperatures: [0.7], top_p: 0.8, prompts: 4, max_new_tokens: 8}
  - {name: pair-accuracy}
resources: {device: cpu, threads: 1}
"""
FIELDS = {"model_type": "llama", "hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu"}
FIELDS |= {"max_positions": 128, "rope_theta": 1000.0, "init_std": 0.1, "tied": True}


def drdoctl(folder: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "drdoctl", *words], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_adapters_from_spec_to_score(tmp_path):
    """SFT, oracle, rewards, alignment, evaluation and score work over adapters; peft alone loads what is left."""
    tokenizer = load_tokenizer({"dataset": True}, Notes().tokenizer_json(), "student.tokenizer")
    choose_pad(tokenizer, tokenizer.eos_token_id)
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    special = {"bos_token_id": None, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    save_policy(Policy(new_lm(FIELDS, 0, len(tokenizer), special)), tmp_path / "base", tmp_path / "tokenizer")
    (tmp_path / "spec.yaml").write_text(SPEC, encoding="utf-8")
    student = Path(tmp_path, drdoctl(tmp_path, "apply", "spec.yaml", "-y", "-q", "--store", "store").strip())
    (oracle,) = (tmp_path / "store" / "artifacts").glob("oracle-*")
    manifest = json.loads((student / "manifest.json").read_text())
    assert len(manifest["externals"]["student.model"]) == 64
    assert {"adapter_config.json", "adapter_base.json", "adapter_model.safetensors"} <= manifest["files"].keys()
    assert not (student / "model.safetensors").exists()
    model = peft.AutoPeftModelForCausalLM.from_pretrained(student)
    assert torch.isfinite(model(input_ids=torch.tensor([[5, 6, 7]])).logits).all()
    assert len(AutoTokenizer.from_pretrained(student)) == len(tokenizer)
    peft.AutoPeftModelForSequenceClassification.from_pretrained(oracle, num_labels=1)
    (data,) = (tmp_path / "store" / "artifacts").glob("data-*")
    (row,) = pq.read_table(data / "eval.parquet", columns=["prompt", "chosen", "rejected"]).slice(0, 1).to_pylist()
    (tmp_path / "pairs.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    scored = json.loads(drdoctl(tmp_path, "score", oracle.name, "pairs.jsonl", "--store", "store"))
    assert scored["margin"] == pytest.approx(scored["reward_chosen"] - scored["reward_rejected"])
    figures = list((tmp_path / "store" / "artifacts").glob("evaluate-*/figures.json"))
    assert len(figures) == 2
    assert drdoctl(tmp_path, "verify", student.name, "--store", "store")
