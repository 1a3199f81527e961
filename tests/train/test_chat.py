"""One question to a judge: what is sent, what counts as a reply, and when there will be none."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import NetworkError
from drdoctl.evals import Sampling
from drdoctl.evals._questions import Question
from drdoctl.train import api
from drdoctl.train.api import ATTEMPTS
from drdoctl.train.chat import Chat, Reply

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import running

KEY = "sk-very-secret"
QUESTION = Question("llm:m", "m", "which?", 30, "p1", Sampling(0.7, 0.8, 16), "sft", "student first")


@pytest.fixture
def fake(monkeypatch):
    """Return a running server; pauses are short."""
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0.001)
    with running("m") as server:
        yield server


def ask(server, key=KEY, timeout=5.0, times=1):
    """Return the last of some replies of one client, asked one after the other."""

    async def talk():
        client = Chat(f"{server.url}/v1", key, timeout=timeout, concurrency=2)
        try:
            return [await client.ask(QUESTION) for _ in range(times)][-1]
        finally:
            await client.close()

    return asyncio.run(talk())


def completion(**message):
    """Return a chat completion with one message."""
    return {"choices": [{"message": message, "finish_reason": "stop"}]}


def test_what_is_sent_and_what_comes_back(fake):
    """The question goes as one message at temperature 0 with the key in the header; the reply comes as it was said."""
    fake.judge = lambda question: f"  I read {question}\nVerdict: A "
    keys = []
    fake.before = lambda handler, _: keys.append((handler.path, handler.headers.get("Authorization")))
    assert ask(fake) == Reply("  I read which?\nVerdict: A ", "stop", 1, 9)
    assert keys == [("/v1/chat/completions", f"Bearer {KEY}")]
    message = {"role": "user", "content": "which?"}
    assert fake.seen == [("chat", {"model": "m", "messages": [message], "temperature": 0, "max_tokens": 30})]


def test_another_word_for_the_longest_answer(fake):
    """A model that takes `max_completion_tokens` alone is asked so, and from then on at once."""

    def complete(handler, asked):
        if "max_tokens" in asked:
            handler.send(400, {"error": {"message": "use 'max_completion_tokens' instead", "code": "unsupported"}})
        else:
            assert asked["max_completion_tokens"] == 30
            handler.send(200, completion(content="Verdict: B"))

    fake.complete = complete
    assert ask(fake, times=3).text == "Verdict: B"
    assert fake.posts == 4


@pytest.mark.parametrize(
    "trouble",
    [
        lambda handler: handler.send(429, {"error": "slow down"}, Retry_After="0"),
        lambda handler: handler.send(500, b"oops"),
        lambda handler: handler.send(503, {}),
        lambda handler: handler.send(200, b"<html>"),
        lambda handler: handler.send(200, {"choices": []}),
        lambda handler: handler.send(200, completion(content=[1])),
        lambda handler: handler.connection.shutdown(2),
    ],
)
def test_what_passes_is_asked_again_and_ends(fake, trouble):
    """Whatever may pass is asked again until it has; where it does not, the error names address, cause and remedy."""
    fake.before = lambda handler, number: number < 2 and (trouble(handler) or True)
    assert ask(fake).finish == "stop"
    assert fake.posts == 3
    fake.before = lambda handler, _: trouble(handler) or True
    with pytest.raises(NetworkError, match=f"{ATTEMPTS} times in a row") as caught:
        ask(fake)
    assert f"{fake.url}/v1/chat/completions" in str(caught.value)
    assert "the replies so far are kept" in caught.value.faults[0].hint
    assert KEY not in repr(caught.value.faults)


def test_a_pause_that_the_server_asks_for(fake):
    """The next attempt comes after the seconds in `Retry-After`."""
    times = []
    fake.before = lambda handler, number: (
        times.append(time.monotonic()) or (number < 1 and (handler.send(429, {}, Retry_After="0.3") or True))
    )
    ask(fake)
    assert times[1] - times[0] >= 0.3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
def test_what_cannot_be_mended_by_asking_again_stops_at_once(fake, status):
    """A wrong key, model or request is one request and one error with exit code 4, without the key."""
    said = {"error": {"message": f"no such thing as {KEY}"}}
    fake.before = lambda handler, _: handler.send(status, said) or True
    with pytest.raises(NetworkError) as caught:
        ask(fake)
    fault = caught.value.faults[0]
    assert (caught.value.exit_code, fault.code, fake.posts) == (4, "judge", 1)
    assert "resources.judge" in fault.hint or "run the same command again" in fault.hint
    assert KEY not in repr(caught.value.faults)


def test_a_refusal_is_a_reply(fake):
    """A question that a server's filter will not have, or that the model declines, is a reply that says nothing."""
    refused = {"error": {"message": "filtered", "code": "content_filter"}}
    fake.before = lambda handler, _: handler.send(400, refused) or True
    assert ask(fake) == Reply("", "content_filter")
    fake.before = lambda handler, _: handler.send(200, completion(content=None, refusal="I can't.")) or True
    assert ask(fake).text == "I can't."


def test_a_key_in_a_reply_is_hidden(fake):
    """A server that repeats the key in its answer does not get it into what is kept."""
    fake.judge = lambda _: f"your key is {KEY}\nVerdict: A"
    assert ask(fake).text == f"your key is {api.HIDDEN}\nVerdict: A"


def test_a_server_that_says_nothing(fake, monkeypatch):
    """An answer that takes longer than it may is asked for again, and in the end an error with its setting."""
    monkeypatch.setattr(api, "ATTEMPTS", 2)
    fake.before = lambda *_: time.sleep(0.5) or True
    with pytest.raises(NetworkError, match="did not answer in time, 2 times in a row") as caught:
        ask(fake, timeout=0.1)
    assert "resources.judge.timeout_seconds" in caught.value.faults[0].hint
