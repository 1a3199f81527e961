"""Whoever samples, the same model says the same: greedy responses of a server are drdoctl's own."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM

from drdoctl.stages import Job
from drdoctl.train.models import Policy, load_policy, new_lm, save_policy
from drdoctl.train.respond import sample_all
from drdoctl.train.response_table import Prompts
from drdoctl.train.responses import Way
from drdoctl.train.runtime import World

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import END, running, words_of

FIELDS = {
    "model_type": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "mlp_size": None, "activation": "gelu",
    "max_positions": 64, "rope_theta": 1000.0, "tied": True, "init_std": 0.5,
}  # fmt: skip
GREEDY = Way(0.0, 1.0, 8, 6)
HERE = World(0, 1, torch.device("cpu"))


@pytest.fixture(scope="module")
def policy(tmp_path_factory, data):
    """Return the folder of a small model."""
    folder = tmp_path_factory.mktemp("models") / "align-0123456789ab"
    special = {"eos_token_id": END, "pad_token_id": 0, "bos_token_id": None}
    save_policy(Policy(new_lm(FIELDS, 3, 40, special)), folder, data / "tokenizer" / "student")
    return folder


@pytest.fixture
def job(tmp_path, data, policy):
    """Return an evaluation's job."""
    server = {"command": "x", "url": None, "concurrency": 2, "timeout_seconds": 20.0, "key_env": None}
    return Job(
        kind="evaluate",
        id="evaluate[drdo]",
        artifact="evaluate-0",
        settings={"seed": 1, "student.dtype": "fp32"},
        inputs={"data": str(data), "policy": str(policy)},
        locations={},
        resources={"server": server, "timeout_minutes": 1.0},
        out=str(tmp_path),
    )


class Transformers:
    """Answers completions with a model's own `generate`."""

    def __init__(self, folder):
        self.model = AutoModelForCausalLM.from_pretrained(folder)

    def __call__(self, handler, asked):
        """Answer one request."""
        ids = torch.tensor([asked["prompt"]])
        limits = {"max_new_tokens": asked["max_tokens"], "eos_token_id": asked["stop_token_ids"], "pad_token_id": 0}
        with torch.no_grad():
            said = self.model.generate(ids, do_sample=False, **limits)[0, ids.shape[1] :].tolist()
        reason = "stop" if said[-1] == END else "length"
        choice = {"text": words_of(said), "finish_reason": reason, "token_ids": said}
        handler.send(200, {"choices": [choice], "usage": {"prompt_tokens": ids.shape[1]}})


def test_greedy_responses_are_the_same(job, policy):
    """A server of the very model gives the texts, lengths and ends of drdoctl's own sampler."""
    table = pq.read_table(Path(job.inputs["data"]) / "prompts.parquet").to_pydict()
    ids = table["student_prompt"]
    text = [words_of(prompt) for prompt in ids]
    prompts = Prompts(table["id"], text, [None] * len(ids), ids, ids, ids, ids)
    own = sample_all(job, HERE, load_policy(policy).eval(), prompts, [GREEDY])[0]
    with running(policy.name) as server:
        generate = Transformers(policy)
        server.complete = generate
        settings = {**job.resources["server"], "url": server.url}
        remote = replace(job, resources={**job.resources, "server": settings})
        theirs = sample_all(remote, SimpleNamespace(first=True), None, prompts, [GREEDY])[0]
    assert theirs.text == own.text
    assert len(set(own.text)) > 1
    assert np.array_equal(theirs.tokens, own.tokens)
    assert np.array_equal(theirs.ended, own.ended)
