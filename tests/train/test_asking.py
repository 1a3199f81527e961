"""Asking a judge: each question once, whatever the server does and whoever interrupts; nothing offline; no key told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import NetworkError, UserError
from drdoctl.core.progress import StopRequested
from drdoctl.evals import Sampling
from drdoctl.evals._questions import Question
from drdoctl.stages import Job
from drdoctl.train import api, asking
from drdoctl.train.asking import ask_all

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import running

COUNT = 12
QUESTIONS = [
    Question("llm:m", "m", f"question {row}", 30, f"p{row}", Sampling(0.7, 0.8, 16), "sft", "student first")
    for row in range(COUNT)
]
KEY = "sk-very-secret"
BODY = """
import sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_asking import QUESTIONS, make_job
from drdoctl.train.asking import ask_all
ask_all(make_job(Path({store!r}), {url!r}, concurrency=1), QUESTIONS)
"""


def make_job(store, url, name="evaluate-0", offline=False, **judge):
    """Return the job of an evaluation in a store."""
    out = store / "artifacts" / f"{name}.partial"
    out.mkdir(parents=True, exist_ok=True)
    settings = {"url": url, "key_env": None, "concurrency": 3, "timeout_seconds": 5.0, "retries": 6, **judge}
    return Job(
        kind="evaluate",
        id="evaluate[drdo]",
        artifact=name,
        settings={"seed": 11},
        inputs={},
        locations={},
        resources={"judge": settings},
        out=str(out),
        offline=offline,
    )


@pytest.fixture
def fake(monkeypatch):
    """Return a running judge that says which question it read; pauses are short."""
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0.001)
    with running("m") as server:
        server.judge = lambda question: f"{question}\nVerdict: A"
        yield server


def texts(replies):
    """Return what was said to each question, in their order."""
    return [replies[question.key].text for question in QUESTIONS]


ALL = [f"question {row}\nVerdict: A" for row in range(COUNT)]


def asked(server):
    """Return the questions that were answered, as the server saw them."""
    return sorted(one["messages"][0]["content"] for _, one in server.seen)


def test_every_question_is_asked_once(fake, tmp_path):
    """Each question gets its own answer; the same question from two evals is one request."""
    assert texts(ask_all(make_job(tmp_path, fake.url), [*QUESTIONS, *QUESTIONS])) == ALL
    assert fake.posts == COUNT


def test_requests_under_way_are_bounded(fake, tmp_path):
    """As many requests as allowed are under way at once, and never more."""
    fake.before = lambda *_: time.sleep(0.03)
    ask_all(make_job(tmp_path, fake.url, concurrency=4), QUESTIONS)
    assert fake.most == 4


def test_storms_change_nothing(fake, tmp_path):
    """With one answer in three an error, nonsense or a dropped connection, the replies are the same."""
    bad = [
        lambda handler: handler.send(503, {"error": "busy"}, Retry_After="0"),
        lambda handler: handler.send(200, b"{"),
        lambda handler: handler.connection.shutdown(2),
        lambda handler: handler.send(429, {}),
    ]
    fake.before = lambda handler, number: number % 3 == 1 and (bad[number // 3 % 4](handler) or True)
    assert texts(ask_all(make_job(tmp_path, fake.url), QUESTIONS)) == ALL


def test_another_stage_and_another_server_pay_nothing(fake, tmp_path):
    """What a store has is not asked for again, by whichever stage, server or key, nor with `--offline`."""
    ask_all(make_job(tmp_path, fake.url), QUESTIONS)
    other = make_job(tmp_path, "http://127.0.0.1:9/v1", "evaluate-1", offline=True, key_env="NO_SUCH_KEY")
    assert texts(ask_all(other, QUESTIONS)) == ALL
    assert fake.posts == COUNT


def test_offline_sends_nothing(fake, tmp_path):
    """With a reply missing, `--offline` is an error with how many, and no request."""
    ask_all(make_job(tmp_path, fake.url), QUESTIONS[:5])
    with pytest.raises(NetworkError, match="7 of 12 judgements are not in the store, and `--offline`") as caught:
        ask_all(make_job(tmp_path, fake.url, offline=True), QUESTIONS)
    assert caught.value.exit_code == 4
    assert fake.posts == 5


@pytest.mark.parametrize("after", [0, 1, 4, 11])
def test_stopped_and_resumed_asks_nothing_twice(fake, tmp_path, after):
    """After a stop, what is under way is still answered and kept, nothing new is sent, and a resume asks the rest."""
    job = make_job(tmp_path, fake.url)

    def stop_at(_, number):
        if number >= after:
            job.path("stop").write_text("SIGINT")
            time.sleep(0.05)

    fake.before = stop_at
    with pytest.raises(StopRequested):
        ask_all(job, QUESTIONS)
    assert after <= fake.posts <= after + 3
    job.path("stop").unlink()
    fake.before = lambda *_: False
    assert texts(ask_all(make_job(tmp_path, fake.url), QUESTIONS)) == ALL
    assert fake.posts == COUNT
    assert asked(fake) == sorted(question.text for question in QUESTIONS)


def test_a_stop_at_the_last_answer_is_no_stop(fake, tmp_path):
    """Where the last answer was under way when the stop came, all is there, and a resume asks nobody."""
    job = make_job(tmp_path, fake.url, concurrency=1)
    fake.before = lambda _, number: number == COUNT - 1 and (job.path("stop").write_text("SIGINT") and None)
    with pytest.raises(StopRequested):
        ask_all(job, QUESTIONS)
    assert texts(ask_all(make_job(tmp_path, "http://127.0.0.1:9"), QUESTIONS)) == ALL


def test_a_stop_does_not_wait_for_a_dead_server(fake, tmp_path, monkeypatch):
    """While a server answers nothing at all, a stop still ends the stage, after a little patience."""
    monkeypatch.setattr(asking, "PATIENCE_SECONDS", 0.3)
    job, release = make_job(tmp_path, fake.url, timeout_seconds=600), threading.Event()
    fake.before = lambda *_: (job.path("stop").write_text("SIGINT") and release.wait(20)) or True
    began = time.monotonic()
    with pytest.raises(StopRequested):
        ask_all(job, QUESTIONS)
    release.set()
    assert time.monotonic() - began < 15


def test_killed_outright_and_resumed(fake, tmp_path):
    """Of a stage that is killed, every reply that came is kept, and only the request under way is sent again."""
    release = threading.Event()
    fake.before = lambda _, number: number == 5 and release.wait(20) and False
    code = BODY.format(tests=str(Path(__file__).parent), store=str(tmp_path), url=fake.url)
    stage = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    deadline = time.monotonic() + 60
    while fake.posts < 6:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(stage.pid, signal.SIGKILL)
    stage.wait()
    release.set()
    fake.before = lambda *_: False
    assert texts(ask_all(make_job(tmp_path, fake.url), QUESTIONS)) == ALL
    assert fake.posts == COUNT + 1


def test_retries_are_as_many_as_the_spec_says(fake, tmp_path):
    """A server that goes on failing is asked once and then `retries` times more."""
    fake.before = lambda handler, _: handler.send(500, {}) or True
    with pytest.raises(NetworkError, match="3 times in a row"):
        ask_all(make_job(tmp_path, fake.url, retries=2), QUESTIONS[:1])
    assert fake.posts == 3
    with pytest.raises(NetworkError, match=r"failed \(status 500: no details\)$|status 500"):
        ask_all(make_job(tmp_path, fake.url, retries=0), QUESTIONS[:1])
    assert fake.posts == 4


def test_one_question_that_fails_keeps_the_others(fake, tmp_path):
    """An error that cannot be mended ends the stage with exit code 4 and its cause; the replies so far are kept."""

    def refuse(handler, asked):
        if asked["messages"][0]["content"] == "question 7":
            handler.send(400, {"error": {"message": "too long by far"}})
        else:
            type(handler).chat(handler, asked)

    fake.complete = refuse
    with pytest.raises(NetworkError, match="does not take the question about prompt `p7`: status 400: too long by far"):
        ask_all(make_job(tmp_path, fake.url, concurrency=1), QUESTIONS)
    fake.complete, before = None, fake.posts
    assert before == 8
    assert texts(ask_all(make_job(tmp_path, fake.url), QUESTIONS)) == ALL
    assert fake.posts - before == COUNT - 7


def test_the_key_comes_from_the_environment_and_goes_nowhere(fake, tmp_path, monkeypatch):
    """The key goes into the header; no file of the store or of the stage has it, whatever the server repeats."""
    monkeypatch.setenv("JUDGE_KEY", f" {KEY}\n")
    seen = []
    fake.before = lambda handler, _: seen.append(handler.headers.get("Authorization"))
    fake.judge = lambda question: f"{KEY} {question}\nVerdict: A"
    job = make_job(tmp_path, fake.url, key_env="JUDGE_KEY")
    ask_all(job, QUESTIONS)
    assert set(seen) == {f"Bearer {KEY}"}
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > COUNT
    assert all(KEY.encode() not in path.read_bytes() for path in files)


def test_a_key_that_is_not_set(fake, tmp_path, monkeypatch):
    """A variable that is not set is the user's error, named, before anything is sent."""
    monkeypatch.delenv("JUDGE_KEY", raising=False)
    with pytest.raises(UserError, match=r"`resources\.judge\.key_env` names `JUDGE_KEY`, which is not set"):
        ask_all(make_job(tmp_path, fake.url, key_env="JUDGE_KEY"), QUESTIONS)
    assert fake.posts == 0


def test_waiting_is_not_hanging(fake, tmp_path, monkeypatch):
    """While a server keeps everybody waiting, the stage goes on saying that it is there."""
    monkeypatch.setattr(asking, "BEAT_SECONDS", 0.2)
    job, seen = make_job(tmp_path, fake.url, concurrency=1), []

    def wait(_, number):
        for _ in range(20 if number == 1 else 0):
            time.sleep(0.1)
            seen.append(job.path("progress.json").stat().st_mtime_ns)

    fake.before = wait
    ask_all(job, QUESTIONS[:2])
    assert len(set(seen)) > 2


def test_progress_counts_judgements(fake, tmp_path):
    """Progress is in judgements of all, those that the store had included."""
    ask_all(make_job(tmp_path, fake.url), QUESTIONS[:4])
    job = make_job(tmp_path, fake.url, "evaluate-1")
    ask_all(job, QUESTIONS)
    shown = json.loads(job.path("progress.json").read_text())
    assert (shown["step"], shown["steps"], shown["unit"]) == (COUNT, COUNT, "judgement")
