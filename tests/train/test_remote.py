"""Sampling through a server: every response once and in its place, whatever the server does and whoever interrupts."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import deque
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AutoTokenizer

from drdoctl.core.errors import StageFailed, UserError
from drdoctl.core.progress import StopRequested
from drdoctl.stages import Job
from drdoctl.train import api, remote, serve
from drdoctl.train.completions import Answer
from drdoctl.train.draws import row_seed
from drdoctl.train.notebook import Notebook, notebook, stamps
from drdoctl.train.remote import ServerSampler
from drdoctl.train.responses import Said, Way

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import END, running, tokens_for, words_of

NAME = "align-0123456789ab"
HOT, GREEDY = Way(0.7, 0.8, 4, 5), Way(0.0, 1.0, 3, 7)
PROMPTS = [[3 + row, 5, *[7] * (row % 3)] for row in range(7)]
IDS = [f"p{row}" for row in range(7)]
FIRST = SimpleNamespace(first=True)


@pytest.fixture
def fake(monkeypatch):
    """Return a running server of the model; pauses are short."""
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(remote, "LISTEN_SECONDS", 0.01)
    with running("other", NAME) as server:
        yield server


@pytest.fixture
def model(tmp_path, data):
    """Return the folder of a model, of which nothing but its room is read."""
    folder = tmp_path / NAME
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 64}))
    return folder


@pytest.fixture
def sampler(tmp_path, data, model):
    """Return a function that makes the sampler of a stage in a folder of its own."""

    def make(url, name="a", world=FIRST, **server):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        settings = {"command": "x", "url": url, "concurrency": 3, "timeout_seconds": 5.0, "key_env": None, **server}
        job = Job(
            kind="evaluate",
            id="evaluate[drdo]",
            artifact="evaluate-0",
            settings={"seed": 11, "student.dtype": "fp32", "sampler": "server"},
            inputs={},
            locations={},
            resources={"server": settings, "timeout_minutes": 1.0},
            out=str(out),
        )
        tokenizer = AutoTokenizer.from_pretrained(data / "tokenizer" / "student")
        return ServerSampler(job, world, {"path": str(model)}, tokenizer, [END])

    return make


def run(one):
    """Return the responses to all prompts, both ways."""
    return one.run(PROMPTS, IDS, [HOT, GREEDY])


def expected(way):
    """Return what the server says to each prompt of a way."""
    said = []
    for row in range(way.prompts):
        ids = tokens_for(PROMPTS[row], row_seed(11, IDS[row], way.label) >> 33, way.max_new_tokens)
        said.append(Said(words_of(ids), len(ids), ids[-1] == END))
    return said


ALL = {way.label: expected(way) for way in (HOT, GREEDY)}


def test_every_response_in_its_place(fake, sampler):
    """Each prompt gets one response each way, with its own seed, under the model's name, in prompt order."""
    assert run(sampler(fake.url)) == ALL
    assert {one.ended for said in ALL.values() for one in said} == {True, False}
    assert len(fake.seen) == HOT.prompts + GREEDY.prompts
    assert {asked["model"] for _, asked in fake.seen} == {NAME}
    assert len({asked["seed"] for _, asked in fake.seen}) == len(fake.seen)


def test_requests_under_way_are_bounded(fake, sampler):
    """As many requests as allowed are under way at once, and never more."""
    fake.before = lambda *_: time.sleep(0.03)
    assert run(sampler(fake.url)) == ALL
    assert fake.most == 3


def test_storms_change_nothing(fake, sampler):
    """With one answer in three an error, nonsense or a dropped connection, the responses are the same."""
    bad = [
        lambda handler: handler.send(503, {"error": "busy"}, Retry_After="0"),
        lambda handler: handler.send(200, b"{"),
        lambda handler: handler.connection.shutdown(2),
    ]
    fake.before = lambda handler, number: number % 3 == 1 and (bad[number // 3 % 3](handler) or True)
    assert run(sampler(fake.url)) == ALL


@pytest.mark.parametrize("refuses", [("vllm",), ("vllm", "ids")])
def test_another_form_gives_the_same_text(fake, sampler, refuses):
    """A server without vLLM's fields, or without token ids, is asked in its own way; the first answer decides."""
    fake.refuses = refuses
    one = sampler(fake.url)
    assert run(one) == ALL
    assert len(fake.seen) == HOT.prompts + GREEDY.prompts
    assert fake.posts == len(fake.seen) + len(refuses)
    assert len(stamps(one.job, PROMPTS)) == ("ids" in refuses)


def test_misread_prompts_are_stamped(fake, sampler):
    """Where a text was read as another number of tokens, figures say how often."""
    fake.reads = lambda ids: len(ids) + (ids[0] == PROMPTS[2][0])
    fake.refuses = ("vllm", "ids")
    one = sampler(fake.url)
    assert run(one) == ALL
    assert "read 1 of 7 as another number" in stamps(one.job, PROMPTS)[0]


def test_without_token_ids_the_text_is_counted_anew(fake, sampler):
    """A server that tells no response ids is taken at its text, whose tokens are counted with the end token."""
    fake.tells_ids = False
    assert run(sampler(fake.url)) == ALL


@pytest.mark.parametrize("token", [-4, 1_000_000])
def test_tokens_that_the_tokenizer_lacks_are_refused(fake, sampler, token):
    """An answer in tokens of another vocabulary ends the stage: decoded, they would vanish from the response."""
    answer = Answer("w5", [5, token], ended=False, read=2)
    with pytest.raises(StageFailed, match=f"the token {token}"):
        sampler(fake.url).keep(HOT, 0, "vllm", answer)


@pytest.mark.parametrize("after", [0, 1, 4, 11])
def test_stopped_and_resumed(fake, sampler, after):
    """After a stop the responses so far are kept, nothing is asked for twice, and the end is the same."""
    one, release = sampler(fake.url), threading.Event()

    def stop_at(_, number):
        if number >= after:
            one.job.path("stop").write_text("SIGINT")
            release.wait(20)

    fake.before = stop_at
    with pytest.raises(StopRequested):
        run(one)
    release.set()
    kept = len(notebook(one.job).read())
    assert kept <= after
    one.job.path("stop").unlink()
    fake.before, before = lambda *_: False, fake.posts
    assert run(sampler(fake.url)) == ALL
    assert fake.posts - before == 12 - kept


def test_a_stop_does_not_wait_for_answers(fake, sampler):
    """While a server answers nothing at all, a stop still ends the stage at once."""
    one, release = sampler(fake.url, timeout_seconds=600), threading.Event()
    fake.before = lambda *_: (one.job.path("stop").write_text("SIGINT") and release.wait(20)) or True
    began = time.monotonic()
    with pytest.raises(StopRequested):
        run(one)
    release.set()
    assert time.monotonic() - began < 15


def test_killed_while_it_wrote(fake, sampler):
    """A half line that a killed process left counts for nothing, and the next line begins on its own."""
    one = sampler(fake.url)
    run(one)
    path = one.job.path("work", "samples", "responses.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5]) + lines[5][:20])
    one.job.path("work", "samples", "complete").unlink()
    fake.seen.clear()
    assert run(sampler(fake.url)) == ALL
    assert len(fake.seen) == 7
    assert len(Notebook(path).read()) == 12


def test_damaged_responses_are_asked_for_again(fake, sampler):
    """Flipped bits in three kept responses: just those are asked for again, and the user is told."""
    one = sampler(fake.url)
    run(one)
    lines = one.book.path.read_bytes().splitlines(keepends=True)
    for row, at in ((2, 0), (5, 64), (9, 80)):
        line = bytearray(lines[row])
        line[at] ^= 4
        lines[row] = bytes(line)
    one.book.path.write_bytes(b"".join(lines))
    fake.seen.clear()
    assert run(sampler(fake.url)) == ALL
    assert len(fake.seen) == 3
    (note,) = json.loads(one.job.path("progress.json").read_text())["notes"]
    assert note == "3 of the server's responses were damaged on the disk, and are asked for again"


def test_other_processes_read_nothing_damaged(fake, sampler):
    """Where the file of responses is not as the first process left it, the others wait until it is again."""
    one = sampler(fake.url)
    run(one)
    content = one.book.path.read_bytes()
    one.book.path.write_bytes(content[:-9] + b"?" + content[-8:])
    second, found = sampler(fake.url, world=SimpleNamespace(first=False)), []
    thread = threading.Thread(target=lambda: found.append(run(second)))
    thread.start()
    thread.join(0.5)
    assert found == []
    assert run(sampler(fake.url)) == ALL
    thread.join(30)
    assert found == [ALL]


def test_all_there_asks_nobody(fake, sampler):
    """With every response kept, no server is needed any more."""
    run(sampler(fake.url))
    assert run(sampler("http://127.0.0.1:9/v1")) == ALL


def test_other_processes_read_what_the_first_kept(fake, sampler):
    """A second process asks nothing and gets all the same, once the first has it."""
    second, found = sampler(fake.url, world=SimpleNamespace(first=False)), []
    thread = threading.Thread(target=lambda: found.append(run(second)))
    thread.start()
    assert run(sampler(fake.url)) == ALL
    thread.join(10)
    assert found == [ALL]
    assert len(fake.seen) == 12


def test_another_model_is_refused(fake, sampler, model):
    """A server that serves something else is an error with what it serves and the command that would serve this."""
    fake.names = ["other", "third"]
    with pytest.raises(StageFailed, match=f"does not serve `{NAME}`: it serves `other`, `third`") as caught:
        run(sampler(fake.url))
    assert f"vllm serve {model} --served-model-name {NAME} --dtype float32" in caught.value.faults[0].hint
    assert fake.posts == 0


def test_the_folders_own_path_is_a_name_too(fake, sampler, model):
    """A server started without a name calls the model by its path."""
    fake.names = [str(model)]
    assert run(sampler(fake.url)) == ALL


def test_nobody_there(sampler, monkeypatch):
    """Where nothing listens, the error names the URL."""
    monkeypatch.setattr(serve.Endpoint, "__init__", _impatient(serve.Endpoint.__init__))
    with pytest.raises(StageFailed, match=r"`http://127.0.0.1:9/v1/models` failed \(ConnectError"):
        run(sampler("http://127.0.0.1:9"))


def _impatient(init):
    def short(self, url, key, check=lambda: None, start_seconds=0.0):
        init(self, url, key, check, start_seconds)

    return short


@pytest.mark.parametrize(("status", "attempts"), [(500, api.ATTEMPTS), (404, 1)])
def test_a_server_that_is_broken_is_not_waited_for(fake, sampler, status, attempts):
    """A server that listens and only fails is given up soon, with its own words; one that loads is waited for."""
    fake.listing = lambda handler, number: number < 9 and (handler.send(503, {}) or True)
    assert run(sampler(fake.url, "loads")) == ALL
    fake.keys.clear()
    fake.listing = lambda handler, _: handler.send(status, {"error": {"message": "no cache"}}) or True
    with pytest.raises(StageFailed, match=f"status {status}: no cache"):
        run(sampler(fake.url, "broken"))
    assert len(fake.keys) == attempts


def test_the_user_hears_what_is_waited_for(fake, sampler, monkeypatch):
    """While a server loads, the stage says so, once, with its limit; one that answers at once is not spoken of."""
    quick = sampler(fake.url, "quick")
    run(quick)
    assert json.loads(quick.job.path("progress.json").read_text())["notes"] == []
    monkeypatch.setattr(remote, "QUIET_SECONDS", 0.0)
    fake.listing = lambda handler, number: number < 9 and (handler.send(503, {}) or True)
    fake.keys.clear()
    slow = sampler(fake.url, "slow")
    assert run(slow) == ALL
    (note,) = json.loads(slow.job.path("progress.json").read_text())["notes"]
    assert note == f"`{fake.url}/v1` does not answer yet, and has 30 seconds in all"


def test_the_user_hears_where_the_log_is(sampler, monkeypatch, tmp_path):
    """Of a server that was started, the log is named, and the limit is its own."""
    monkeypatch.setattr(remote, "QUIET_SECONDS", 0.0)
    log = tmp_path / "server.log"
    one = sampler("http://127.0.0.1:9/v1", "started")
    server = serve.Endpoint("http://127.0.0.1:9/v1", None, start_seconds=0.3, log=log)
    session = remote._Session(one, server, SimpleNamespace(names=()), deque(), 0)
    with pytest.raises(StageFailed):
        asyncio.run(session.run())
    (note,) = json.loads(one.job.path("progress.json").read_text())["notes"]
    assert note == f"`http://127.0.0.1:9/v1` does not answer yet, and has 0 seconds in all; its log is `{log}`"


def test_no_form_is_taken(fake, sampler):
    """A server that takes no form of a request is an error with its own words."""
    fake.refuses = ("vllm", "ids", "text")
    with pytest.raises(StageFailed, match="does not take a request: status 400: no text here"):
        run(sampler(fake.url))
    assert fake.posts == 3


def test_one_prompt_is_not_taken(fake, sampler):
    """A prompt that is refused after others were taken is an error, and the others are kept."""
    fake.before = lambda handler, number: number == 6 and (handler.send(400, {"message": "too long"}) or True)
    one = sampler(fake.url)
    with pytest.raises(StageFailed, match="too long"):
        run(one)
    assert len(notebook(one.job).read()) >= 4


def test_room_is_checked_before_anything(fake, sampler):
    """Prompt and response must fit the model's positions, whoever samples."""
    with pytest.raises(UserError, match="64 positions"):
        sampler(fake.url).run(PROMPTS, IDS, [Way(0.7, 0.8, 64, 7)])
    assert fake.posts == 0


def test_progress_counts_responses(fake, sampler):
    """Progress is in responses of all, those of earlier runs included."""
    one = sampler(fake.url)
    run(one)
    shown = json.loads(one.job.path("progress.json").read_text())
    assert (shown["step"], shown["steps"], shown["unit"]) == (12, 12, "response")
