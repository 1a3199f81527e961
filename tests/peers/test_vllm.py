"""vLLM itself: it samples what our own sampler samples, and reads from an exported oracle the rewards that we read.

vLLM pins a torch of its own, so it is looked for as a program: in `$VLLM`, else on the path.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parents[1] / "train"))

import plain
import toy
from pyarrow.parquet import read_table
from transformers import AutoTokenizer

from drdoctl import cli
from drdoctl.core.commands import SERVE
from drdoctl.train.models import save_oracle

VLLM = os.environ.get("VLLM") or shutil.which("vllm")
pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,
    pytest.mark.skipif(VLLM is None, reason="vLLM is not installed: name its program in $VLLM"),
]
HEADS = {"hidden_size": 128, "num_attention_heads": 2, "num_key_value_heads": 1}
"""Heads of 64: not every kernel of vLLM takes smaller ones."""
SPEC = """
version: 1
name: served
seed: 1
data: {source: {name: notes, train: 256}, max_prompt_tokens: 48, max_tokens: 80}
student:
  model: {model_type: llama, hidden_size: 128, layers: 2, heads: 2, max_positions: 128, activation: silu}
  sft: {max_steps: 60, global_batch: 32, learning_rate: 3.0e-3}
oracle: {model: sft, max_steps: 4, global_batch: 8, learning_rate: 1.0e-3}
method: {name: sft}
train: {max_steps: 2, global_batch: 8, learning_rate: 1.0e-4}
evaluate:
  - {name: win-rate, judge: oracle, against: [sft], temperatures: [0.0, 0.7], prompts: 24, max_new_tokens: 24}
resources: {device: cpu, threads: 1}
"""
ROWS = [{"prompt": f"w{9 + at} w10", "response": " ".join(f"w{20 + at + n}" for n in range(1 + at))} for at in range(6)]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """As much memory for keys and values as a small model needs, and no network."""
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def sampled(spec, store, *sets):
    """Carry a spec out and return, for each prompt and temperature of its student, the response."""
    words = ["apply", str(spec), "--store", str(store), "--auto-approve", "-q"]
    assert cli.run([*words, *(word for text in sets for word in ("--set", text))]) == 0
    newest = max(store.glob("artifacts/evaluate-*/samples.parquet"), key=lambda path: path.stat().st_mtime)
    rows = read_table(newest).to_pylist()
    return {(row["id"], row["temperature"]): row["response"] for row in rows if row["temperature"] is not None}


def test_a_served_student_says_what_ours_says(tmp_path):
    """At least nine in ten greedy responses are the same; at a temperature the engines draw other numbers."""
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC, encoding="utf-8")
    store = tmp_path / "store"
    ours = sampled(spec, store)
    command = f"{shlex.quote(VLLM)} {SERVE.removeprefix('vllm ')} --enforce-eager"
    theirs = sampled(spec, store, "sampler=server", f"resources.server.command={json.dumps(command)}")
    assert theirs.keys() == ours.keys()
    same = {heat: sum(ours[key] == theirs[key] for key in ours if key[1] == heat) for heat in (0.0, 0.7)}
    prompts = len(ours) // 2
    assert prompts > 10
    # where two tokens are about as likely, another order of sums may choose the other
    assert same[0.0] >= 0.9 * prompts
    assert same[0.7] < 0.9 * prompts
    assert len(set(ours.values())) > 5


@contextmanager
def serving(folder, log):
    """Serve an exported oracle and give its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    words = [VLLM, "serve", str(folder), "--served-model-name", "oracle", "--runner", "pooling", "--enforce-eager"]
    words += ["--dtype", "float32", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(words, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while True:
            assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
            assert time.monotonic() < deadline
            try:
                urllib.request.urlopen(f"{url}/health", timeout=5).close()  # noqa: S310
                break
            except OSError:
                time.sleep(1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def rewards(url, path, key, asked):
    """Return what the server reads from texts, given as `input` (token ids) or `messages`."""
    found = []
    for value in asked:
        body = json.dumps({"model": "oracle", key: value}).encode()
        request = urllib.request.Request(f"{url}/{path}", body, {"Content-Type": "application/json"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            (one,) = json.load(answer)["data"]
            found.extend(one["data"] if path == "pooling" else one["probs"])
    return found


def test_an_exported_oracle_gives_vllm_our_rewards(tmp_path, capsys):
    """By token ids and by chat messages, an export served as a pooling model gives what `drdoctl score` gives."""
    made = toy.write_tokenizer(tmp_path / "tokenizer", template=toy.CHATML.replace("{{ after }}", " w8"))
    oracle = tmp_path / "oracle"
    save_oracle(plain.policy(plain.fields("llama") | HEADS), oracle, made)
    file, exported = tmp_path / "rows.jsonl", tmp_path / "exported"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    assert cli.run(["export", str(oracle), str(exported), "-q"]) == 0
    capsys.readouterr()
    assert cli.run(["score", str(oracle), str(file), "--json"]) == 0
    ours = [row["reward"] for row in json.loads(capsys.readouterr().out)["rows"]]
    tokenizer = AutoTokenizer.from_pretrained(exported)
    talks = [
        [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": row["response"]}] for row in ROWS
    ]
    ids = [tokenizer.apply_chat_template(talk, tokenize=True, return_dict=False) for talk in talks]
    with serving(exported, tmp_path / "log.txt") as url:
        for path in ("pooling", "classify"):
            assert rewards(url, path, "input", ids) == pytest.approx(ours, rel=1e-5, abs=1e-5)
            assert rewards(url, path, "messages", talks) == pytest.approx(ours, rel=1e-5, abs=1e-5)
    assert max(ours) - min(ours) > 0.1
