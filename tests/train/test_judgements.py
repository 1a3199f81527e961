"""Judgements in the evaluate stage: what a judge is shown, what is written down, and that a cache changes no byte."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from drdoctl.core.errors import NetworkError, Refused, UserError
from drdoctl.core.fingerprint import file_sha256
from drdoctl.data.notes import Notes
from drdoctl.train import api, evaluate, judgements
from drdoctl.train.response_table import Prompts

sys.path.insert(0, str(Path(__file__).parent))
from conftest import write_tokenizer
from fake_server import running
from test_evaluate import SEED, house, make_job

__all__ = ["house"]  # pytest finds the fixture by its name
EVAL = {"name": "llm-judge", "model": "m", "max_new_tokens": 6, "prompts": 5, "against": ["reference"]}
FILES = ("samples.parquet", "judgements.parquet", "figures.json")


def shown(question):
    """Return what a question shows, by tag."""
    tags = ("request", "response_a", "response_b")
    return [re.search(rf"<{tag}>\n(.*?)\n</{tag}>", question, re.DOTALL)[1] for tag in tags]


def knows(question):
    """Judge by the world's own program."""
    world, (prompt, a, b) = Notes(name="notes").with_seed(SEED), shown(question)
    better = world.truth(prompt, a, True)["reward"] - world.truth(prompt, b, True)["reward"]
    return f"{better:+.2f}\nVerdict: {'A' if better > 0 else 'B' if better < 0 else 'tie'}"


@pytest.fixture
def fake(monkeypatch):
    """Return a running judge that knows the truth; pauses are short."""
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0.001)
    with running("m") as server:
        server.judge = knows
        yield server


def judging(home, store, url, name="a", offline=False, **options):
    """Return the job of an evaluation with a judge, in a store."""
    job = make_job(home, store / "artifacts" / f"{name}.partial", evaluate=[{**EVAL, **options}])
    judge = {"url": url, "key_env": None, "concurrency": 2, "timeout_seconds": 5.0, "retries": 1}
    return replace(job, resources={**job.resources, "judge": judge}, offline=offline)


def left(job):
    """Return the bytes that a stage left."""
    return {name: job.path(name).read_bytes() for name in FILES}


def test_a_judge_that_knows_the_truth_gives_the_right_order(house, fake, tmp_path):
    """Every verdict is the order of the true rewards in both orders, and the figures follow."""
    job = judging(house, tmp_path, fake.url)
    evaluate.run(job)
    world, prompts = Notes(name="notes").with_seed(SEED), pq.read_table(house / "data" / "prompts.parquet").to_pylist()
    said = {row["id"]: row["response"] for row in pq.read_table(job.path("samples.parquet")).to_pylist()[:5]}
    rows = pq.read_table(job.path("judgements.parquet")).to_pylist()
    assert [row["order"] for row in rows] == ["student first", "baseline first"] * 5
    for row in rows:
        prompt = next(one for one in prompts if one["id"] == row["id"])
        mine, theirs = (
            world.truth(prompt["prompt"], text, True)["reward"] for text in (said[row["id"]], prompt["reference"])
        )
        assert row["verdict"] == ("student" if mine > theirs else "baseline" if mine < theirs else "tie")
        assert row["answer"].endswith(("Verdict: A", "Verdict: B", "Verdict: tie"))
        assert (row["sampling"], row["against"], row["judge"]) == ("t0.7-p0.8-n6", "reference", "llm:m")
        assert (row["finish"], row["tokens_out"]) == ("stop", 9)
    figures = {row["metric"]: row for row in json.loads(job.path("figures.json").read_text())["figures"]}
    assert figures["flip_rate"]["value"] == 0
    assert figures["wins"]["value"] == sum(row["verdict"] == "student" for row in rows) / 2
    assert {row["judge"] for row in figures.values()} == {"llm:m"}
    assert not any(row["warnings"] for row in figures.values())


def test_cached_or_not_the_bytes_are_the_same(house, fake, tmp_path):
    """A second stage pays nothing, sends nothing and leaves the same bytes; so does one with half of them."""
    first = judging(house, tmp_path, fake.url)
    evaluate.run(first)
    assert fake.posts == 10
    again = judging(house, tmp_path, "http://127.0.0.1:9", "b", offline=True)
    evaluate.run(again)
    kept = sorted((tmp_path / "cache").rglob("*.json"))
    assert len(kept) == 10
    for path in kept[::2]:
        path.unlink()
    half = judging(house, tmp_path, fake.url, "c")
    evaluate.run(half)
    assert fake.posts == 15
    assert left(first) == left(again) == left(half)


def test_offline_is_said_and_samples_are_kept(house, fake, tmp_path):
    """With replies missing, `--offline` ends the stage with exit code 4 and no request; without it, it goes on."""
    job = judging(house, tmp_path, fake.url, offline=True)
    with pytest.raises(NetworkError, match="10 of 10 judgements"):
        evaluate.run(job)
    assert fake.posts == 0
    evaluate.run(replace(job, offline=False))
    assert fake.posts == 10


def test_references_are_asked_for_before_anything_is_sampled(house, fake, tmp_path, monkeypatch):
    """Prompts without a reference are an error at once, with what to do; a prompt that shows none does without."""
    table = pq.read_table(house / "data" / "prompts.parquet")
    blank = pa.array([None, *table.column("reference").to_pylist()[1:]], type=pa.string())
    data = tmp_path / "data"
    data.mkdir()
    for path in (house / "data").iterdir():
        (data / path.name).symlink_to(path)
    (data / "prompts.parquet").unlink()
    pq.write_table(
        table.set_column(table.column_names.index("reference"), "reference", blank), data / "prompts.parquet"
    )
    monkeypatch.setattr(evaluate, "sample_all", None)
    job = judging(house, tmp_path, fake.url)
    with pytest.raises(UserError, match="needs a reference for every prompt, and 1 of 7 have none") as caught:
        evaluate.run(replace(job, inputs={**job.inputs, "data": str(data)}))
    assert "prompt: against-reference" in caught.value.faults[0].hint


def test_a_prompt_that_changed_since_the_plan_is_refused(house, fake, tmp_path):
    """A user's prompt is asked as it was planned, or not at all: the artifact is named by its content."""
    own = tmp_path / "own.txt"
    own.write_text("{prompt}\n{response_a}\n{response_b}")
    job = judging(house, tmp_path, fake.url, prompt="by content")
    job = replace(job, locations={"evaluate.0.prompt": str(own), "evaluate.0.prompt.sha256": file_sha256(own)})
    fake.judge = lambda _: "Verdict: tie"
    evaluate.run(job)
    assert fake.posts == 10
    own.write_text("which?\n{prompt}\n{response_a}\n{response_b}")
    with pytest.raises(Refused, match="no longer holds what it held"):
        evaluate.run(job)
    assert fake.posts == 10


def test_nothing_is_written_where_nobody_is_asked(house, tmp_path):
    """An evaluation without a judge leaves what it always left."""
    job = make_job(house, tmp_path / "out", evaluate=[{"name": "true-reward", "max_new_tokens": 4, "prompts": 2}])
    evaluate.run(job)
    assert not job.path("judgements.parquet").exists()


def test_control_tokens_are_not_shown(tmp_path):
    """A prompt that a chat template made is shown without its control tokens; any other as it is."""
    prompts = Prompts(["a"], ["<pad> w5 w6 <eos>"], ["w7"], [[0, 5, 6, 1]], [], [[7, 1]], [])
    folder = tmp_path / "data"
    write_tokenizer(folder / "tokenizer" / "student")
    config = folder / "tokenizer" / "student" / "tokenizer_config.json"
    job = replace(judging(tmp_path, tmp_path, "http://x"), inputs={"data": str(folder)})
    (folder / "report.json").write_text("{}")
    assert judgements.readable(job, prompts) == prompts.text
    template = "{% for message in messages %}<pad> {{ message.content }} <eos>{% endfor %}"
    config.write_text(json.dumps({**json.loads(config.read_text()), "chat_template": template}))
    (folder / "report.json").write_text(json.dumps({"tokenizers": {"student": {"template": "chat"}}}))
    assert judgements.readable(job, prompts) == ["w5 w6"]
