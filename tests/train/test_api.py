"""What all clients of a server share: what may pass, how long to wait for it, and that a key is never repeated."""

from __future__ import annotations

import asyncio
import sys
import time
from email.utils import formatdate
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.errors import StageFailed
from drdoctl.train import api
from drdoctl.train.api import Api, Malformed, NotTaken, asked_pause, passing, pause

sys.path.insert(0, str(Path(__file__).parent))
from fake_server import running

KEY = "sk-very-secret"


def _error(**headers):
    request = httpx2.Request("POST", "http://x")
    return httpx2.HTTPStatusError("", request=request, response=httpx2.Response(429, headers=headers, request=request))


@given(st.integers(0, 50))
def test_the_pause_grows_and_stays_bounded(number):
    """Back-off doubles up to a limit, with jitter from zero."""
    most = min(api.PAUSE_SECONDS * 2**number, api.MAX_PAUSE_SECONDS)
    assert 0 <= pause(number, _error()) <= most


def test_a_server_may_ask_for_a_pause():
    """`Retry-After` is honoured as seconds and as a date, within reason; nonsense in it is not."""
    assert pause(0, _error(**{"Retry-After": "7"})) == 7
    assert pause(0, _error(**{"Retry-After": "86400"})) == api.MAX_ASKED_SECONDS
    assert 50 < asked_pause({"Retry-After": formatdate(time.time() + 60, usegmt=True)}) <= 60
    assert asked_pause({"Retry-After": formatdate(time.time() - 60, usegmt=True)}) == 0
    assert [asked_pause({"Retry-After": text}) for text in ("", "soon", "nan")] == [None, None, None]


def test_only_a_wrong_address_never_passes():
    """What the network does may pass; an address that is none never will."""
    assert passing(httpx2.ConnectError("refused"))
    assert passing(Malformed("x"))
    assert not passing(httpx2.UnsupportedProtocol("gopher"))


def post(server, reply, key=KEY):
    """Return the parsed answer of a server that replies in one way."""
    server.before = lambda handler, _: reply(handler) or True

    async def talk():
        client = Api(f"{server.url}/v1", key, timeout=5.0, concurrency=1)
        try:
            return await client.post("x", {}, lambda found: found)
        finally:
            await client.close()

    return asyncio.run(talk())


@pytest.mark.parametrize("status", [400, 418, 500])
def test_a_key_that_the_server_repeats_is_not_repeated(monkeypatch, status):
    """A server that puts the key into its error message does not get it into ours."""
    monkeypatch.setattr(api, "PAUSE_SECONDS", 0.001)
    said = {"error": {"message": f"Bearer {KEY} is out of luck"}}
    with running("m") as server, pytest.raises((StageFailed, NotTaken), match="out of luck") as caught:
        post(server, lambda handler: handler.send(status, said))
    assert KEY not in str(caught.value)
    assert api.HIDDEN in str(caught.value)


def test_spent_money_does_not_come_back():
    """A quota that is used up comes with the status of a busy server, and is not waited for."""
    said = {"error": {"message": "you exceeded your quota", "code": "insufficient_quota"}}
    with running("m") as server, pytest.raises(StageFailed, match="exceeded your quota"):
        post(server, lambda handler: handler.send(429, said, Retry_After="60"))
    assert server.posts == 1
