"""Answers to instructions of a file, through the evaluate stage: what is written, stopped, and sampled by a server."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
import transformers

from drdoctl.core import progress
from drdoctl.core.errors import UserError
from drdoctl.core.progress import StopRequested
from drdoctl.data._render import Renderer
from drdoctl.stages import Job
from drdoctl.train import evaluate, remote, responses
from drdoctl.train.models import Policy, new_lm, save_policy

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import running

FIELDS = {
    "model_type": "llama", "hidden_size": 16, "layers": 1, "heads": 2, "mlp_size": None, "activation": "gelu",
    "max_positions": 64, "rope_theta": 1000.0, "tied": True, "init_std": 0.3,
}  # fmt: skip
ROWS = [{"instruction": f"w{row} w{row + 9} w{row + 1}", "dataset": "koala", "output": "x"} for row in range(3, 8)]
PLAIN = {"name": "alpaca-eval", "instructions": "(by content)", "max_new_tokens": 6}
NAME = "alpaca-eval-t0.7-p1-n6.json"


@pytest.fixture
def policy(data, tmp_path):
    """Return the folder of a small policy."""
    special = {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}
    save_policy(Policy(new_lm(FIELDS, 3, 40, special), None), tmp_path / "policy", data / "tokenizer" / "student")
    return tmp_path / "policy"


@pytest.fixture
def make(data, policy, tmp_path):
    """Return a function that makes the evaluate stage's job for rows of instructions, in a folder of its own."""

    def build(name, rows, resources=None, settings=None, **options):
        out, file = tmp_path / name, tmp_path / f"{name}.json"
        out.mkdir(exist_ok=True)
        file.write_text(json.dumps(rows))
        return Job(
            kind="evaluate",
            id="evaluate[dpo]",
            artifact="evaluate-0",
            settings={"evaluate": [PLAIN | options], "seed": 5, "student.dtype": "fp32", **(settings or {})},
            inputs={"data": str(data), "policy": str(policy)},
            locations={"evaluate.0.instructions": str(file)},
            resources={"threads": 1, "device": "cpu", **(resources or {})},
            out=str(out),
        )

    return build


def outputs(job, name=NAME):
    """Return what the stage wrote."""
    return json.loads(job.path(name).read_text())


def test_the_file_that_alpaca_eval_reads(make):
    """Each instruction has one answer, in the file's order, without the data's prompts being sampled."""
    job = make("a", ROWS)
    evaluate.run(job)
    rows = outputs(job)
    assert [row["instruction"] for row in rows] == [row["instruction"] for row in ROWS]
    assert {(row["dataset"], row["generator"]) for row in rows} == {("koala", "dpo")}
    assert {*rows[0]} == {"dataset", "instruction", "output", "generator"}
    document = json.loads(job.path("figures.json").read_text())
    lengths = {figure["metric"]: figure["value"] for figure in document["figures"]}
    assert lengths["alpaca_eval_length"] == pytest.approx(sum(len(row["output"]) for row in rows) / len(rows))


def test_greedy_answers_are_transformers_own(make, policy):
    """The prompt is rendered and tokenised as the data's are, and the greedy answer is `generate`'s."""
    job = make("a", ROWS, temperature=0)
    evaluate.run(job)
    tokenizer = transformers.AutoTokenizer.from_pretrained(policy)
    model = transformers.AutoModelForCausalLM.from_pretrained(policy)
    render = Renderer(tokenizer, "none")
    for row in outputs(job, "alpaca-eval-t0-p1-n6.json"):
        (encoded,) = render.encode([([{"role": "user", "content": row["instruction"]}], ())])
        ids = torch.tensor([encoded.whole_prompt])
        out = model.generate(ids, do_sample=False, max_new_tokens=6, eos_token_id=1, pad_token_id=0)[0, ids.shape[1] :]
        assert tokenizer.decode(out, skip_special_tokens=True) == row["output"]


def test_an_answer_is_its_instructions_own(make):
    """The order and the number of instructions change nothing in what is said to one of them."""
    whole, part = make("whole", ROWS), make("part", ROWS[::-1], prompts=2)
    evaluate.run(whole)
    evaluate.run(part)
    said = {row["instruction"]: row["output"] for row in outputs(whole)}
    found = outputs(part)
    assert [row["instruction"] for row in found] == [row["instruction"] for row in ROWS[:2:-1]]
    assert all(said[row["instruction"]] == row["output"] for row in found)


def test_students_are_not_chosen_by_them(make):
    """Where prompts are divided for `select`, answers to instructions belong to the test side alone."""
    job = make("a", ROWS, settings={"data.validation_fraction": 0.5})
    evaluate.run(job)
    figures = json.loads(job.path("figures.json").read_text())["figures"]
    assert {(figure["part"], figure["count"]) for figure in figures} == {("test", len(ROWS))}


def test_stopped_and_resumed_gives_the_same(make, monkeypatch):
    """Stopped between two tokens and run again, the stage leaves the bytes of an uninterrupted run."""
    monkeypatch.setattr(responses, "PIECE_ROWS", (2, 2))
    whole, job, calls = make("whole", ROWS), make("stopped", ROWS), []
    evaluate.run(whole)
    with monkeypatch.context() as patch:
        patch.setattr(progress, "stop_requested", lambda job: calls.append(job) or len(calls) > 8)
        with pytest.raises(StopRequested):
            evaluate.run(job)
    assert not job.path(NAME).exists()
    evaluate.run(job)
    assert job.path(NAME).read_bytes() == whole.path(NAME).read_bytes()


def test_an_instruction_beyond_the_models_room_has_no_answer(make):
    """The others' answers are what they are without it, and every figure says that one is missing."""
    long, plain = make("long", [ROWS[0], {"instruction": "w3 " * 70}, *ROWS[1:]]), make("plain", ROWS)
    evaluate.run(long)
    evaluate.run(plain)
    said = [row["output"] for row in outputs(long)]
    assert said[1] == ""
    assert said[:1] + said[2:] == [row["output"] for row in outputs(plain)]
    figures = json.loads(long.path("figures.json").read_text())["figures"]
    assert {figure["count"] for figure in figures} == {len(ROWS) + 1}
    assert all("1 of 6 instructions has no answer" in figure["warnings"][0] for figure in figures)


def test_where_no_instruction_has_room_it_is_an_error(make):
    """No number of new tokens would help, and the hint says what would."""
    with pytest.raises(UserError, match="exceed the model's 64 positions") as caught:
        evaluate.run(make("a", [{"instruction": "w3 " * 70}]))
    assert "out of the file" in caught.value.faults[0].hint


def test_a_server_answers_them_too(make, monkeypatch):
    """Instructions have a notebook of their own: its rows are not taken for those of the data's prompts."""
    monkeypatch.setattr(remote, "LISTEN_SECONDS", 0.01)
    with running("other", "policy") as fake:
        server = {"command": "x", "url": fake.url, "concurrency": 2, "timeout_seconds": 5.0, "key_env": None}
        resources = {"server": server, "timeout_minutes": 1.0}
        job = make("a", ROWS, resources, {"sampler": "server"})
        evaluate.run(job)
        assert len(fake.seen) == len(ROWS)
        evaluate.run(job)
        assert len(fake.seen) == len(ROWS)
    assert [row["instruction"] for row in outputs(job)] == [row["instruction"] for row in ROWS]
    assert job.path("work", "samples", "alpaca-eval", "responses.jsonl").exists()
    assert not job.path("work", "samples", "responses.jsonl").exists()
