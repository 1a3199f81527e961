"""The completions' client: what it sends, what it takes for an answer, when it asks again and when it gives up."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import StageFailed
from drdoctl.train import api
from drdoctl.train.api import ATTEMPTS, Malformed, NotTaken
from drdoctl.train.completions import Ask, Completions, Ends, body, parse

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import running, tokens_for

ASK = Ask([5, 6, 7], "w5 w6 w7", 0.7, 0.8, 9, 123)
ENDS = Ends([1], ["<eos>"])
KEY = "sk-very-secret"


@pytest.fixture
def fake(monkeypatch):
    """Return a running server; pauses are short."""
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0.001)
    with running("m") as server:
        yield server


def ask(server, form="vllm", key=None, timeout=5.0, one=ASK):
    """Return the client's answer from a server."""

    async def talk():
        client = Completions(f"{server.url}/v1", key, timeout=timeout, concurrency=2)
        try:
            return await client.complete(form, "m", one, ENDS)
        finally:
            await client.close()

    return asyncio.run(talk())


def test_what_is_sent():
    """Each form says all that decides a response: tokens and vLLM's fields, tokens, or text with spelled end tokens."""
    shared = {"model": "m", "max_tokens": 9, "temperature": 0.7, "top_p": 0.8, "seed": 123, "stream": False}
    vllm, ids, text = (body(form, "m", ASK, ENDS) for form in ("vllm", "ids", "text"))
    assert all(sent.items() >= shared.items() for sent in (vllm, ids, text))
    assert (vllm["prompt"], ids["prompt"], text["prompt"]) == (ASK.prompt, ASK.prompt, ASK.text)
    own = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "return_token_ids": True, "stop_token_ids": [1]}
    assert vllm.items() >= own.items()
    assert not own.keys() & (ids.keys() | text.keys())
    assert ids["stop"] == text["stop"] == ["<eos>"]
    assert "stop" not in vllm


def test_greedy_takes_no_nucleus():
    """At temperature 0 the nucleus says nothing, and some servers refuse it."""
    greedy = Ask([5], "w5", 0.0, 0.8, 9, 1)
    assert body("ids", "m", greedy, ENDS)["top_p"] == 1.0


def test_a_good_answer(fake):
    """Tokens, text, end and the prompt's length come back as the server gave them."""
    answer = ask(fake)
    assert answer.ids == tokens_for(ASK.prompt, 123, 9)
    assert answer.ended
    assert answer.read == 3
    short = ask(fake, one=Ask([5, 6, 7], "", 0.7, 0.8, 1, 123))
    assert (len(short.ids), short.ended) == (1, False)


def test_another_number_of_prompt_tokens_is_not_taken(fake):
    """A server that read other tokens than were sent has not taken the prompt; of a text nobody can say."""
    fake.reads = lambda ids: len(ids) + 1
    with pytest.raises(NotTaken, match="it read 4 tokens where 3 were sent"):
        ask(fake)
    assert ask(fake, "text").read == 4


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_asked_again(fake, status):
    """Errors that pass are asked again until they have passed."""
    fake.before = lambda handler, number: number < 3 and (handler.send(status, {"error": "busy"}) or True)
    assert ask(fake).ids
    assert fake.posts == 4


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda handler: handler.send(500, {"error": {"message": "out of pages"}}), "status 500: out of pages"),
        (lambda handler: handler.send(200, b"<html>hello</html>"), "no JSON"),
        (lambda handler: handler.send(200, {"choices": []}), "no completion"),
        (lambda handler: handler.send(200, [1]), "no completion"),
        (lambda handler: handler.send(200, {"choices": [{"text": "a", "finish_reason": "abort"}]}), "abort"),
        (lambda handler: handler.connection.shutdown(2), "RemoteProtocolError"),
    ],
)
def test_patience_has_an_end(fake, break_it, said):
    """A server that goes on failing, talking nonsense or hanging up is an error that names address and cause."""
    fake.before = lambda handler, _: break_it(handler) or True
    with pytest.raises(StageFailed) as caught:
        ask(fake, key=KEY)
    message = caught.value.faults[0].message
    assert f"{fake.url}/v1/completions" in message
    assert said in message
    assert f"{ATTEMPTS} times in a row" in message
    assert fake.posts == ATTEMPTS
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(("status", "hint"), [(401, "key_env"), (403, "key_env"), (451, "run the same command again")])
def test_what_will_not_pass_is_not_asked_again(fake, status, hint):
    """A refused key, or any other lasting error, ends at once, and never repeats what the server says of the key."""
    fake.before = lambda handler, _: handler.send(status, {"error": {"message": "wrong"}}) or True
    with pytest.raises(StageFailed, match=str(status)) as caught:
        ask(fake, key=KEY)
    assert fake.posts == 1
    assert hint in caught.value.faults[0].hint


def test_the_key_goes_into_the_header(fake):
    """The key is sent as a bearer token, and nothing is sent without one."""
    keys = []
    fake.before = lambda handler, _: keys.append(handler.headers.get("Authorization"))
    ask(fake, key=KEY)
    ask(fake)
    assert keys == [f"Bearer {KEY}", None]


@pytest.mark.parametrize("status", [400, 404, 422])
def test_refusals_are_left_to_the_caller(fake, status):
    """A form that the server does not take is no failure yet."""
    fake.before = lambda handler, _: handler.send(status, {"error": {"message": "too  long\nby far"}}) or True
    with pytest.raises(NotTaken, match=f"{status}: too long by far"):
        ask(fake)
    assert fake.posts == 1


def test_a_server_that_does_not_answer(fake, monkeypatch):
    """A response that takes longer than it may is asked for again, and in the end an error with its setting."""
    monkeypatch.setattr(api, "ATTEMPTS", 2)
    fake.before = lambda *_: time.sleep(0.5) or True
    with pytest.raises(StageFailed, match="did not answer in time") as caught:
        ask(fake, timeout=0.1)
    assert "timeout_seconds" in caught.value.faults[0].hint


@pytest.mark.parametrize(
    "payload", [None, {}, {"choices": [{"text": 3, "finish_reason": "stop"}]}, {"choices": [None]}]
)
def test_no_completion_is_said(payload):
    """Whatever JSON comes, it is a completion or it is malformed."""
    with pytest.raises(Malformed):
        parse("vllm", ASK, payload)


def test_tokens_that_are_none_are_not_believed():
    """A server's own field of the same name that holds no token ids leaves the text."""
    choice = {"text": "w5", "finish_reason": "stop", "token_ids": ["5"]}
    assert parse("vllm", ASK, {"choices": [choice]}).ids is None
