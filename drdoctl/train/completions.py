"""The client's side of `POST /v1/completions`, as vLLM and other OpenAI-compatible servers answer it.

Three forms of a request, of which the first answer decides: token ids with vLLM's own fields, so that exactly the
student's tokens go in and come out; token ids with the standard fields; text. A server that refuses one form, or that
says it read another number of tokens than were sent, gets the next.
"""

from __future__ import annotations

import asyncio
import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx2

from drdoctl.core.errors import StageFailed

Form = Literal["vllm", "ids", "text"]
FORMS: tuple[Form, ...] = ("vllm", "ids", "text")
REFUSALS = (400, 404, 405, 422)
"""What a server answers to fields or prompts that it does not take, or without such an address at all."""
TRANSIENT = (408, 409, 425, 429)
UNAVAILABLE = 503
ATTEMPTS = 7
PAUSE_SECONDS = 0.5
"""Before the second attempt; doubles each time (exponential back-off with full jitter)."""
MAX_PAUSE_SECONDS = 30.0
MAX_ASKED_SECONDS = 300.0
"""The longest pause that a server's `Retry-After` gets."""
CONNECT_SECONDS = 10.0
SHOWN = 300
MOST_STOPS = 4
"""Stop strings that the standard allows."""


@dataclass(frozen=True)
class Ask:
    """One response to sample."""

    prompt: list[int]
    text: str
    """The same prompt, for servers that take no token ids."""
    temperature: float
    top_p: float
    max_new_tokens: int
    seed: int


@dataclass(frozen=True)
class Answer:
    """One sampled response as the server gave it."""

    text: str
    ids: list[int] | None
    """Its tokens, the end token included, where the server tells them."""
    ended: bool
    read: int | None
    """How many tokens the server read as the prompt, where it tells."""


@dataclass(frozen=True)
class Ends:
    """What ends a response: token ids, and how the tokenizer spells them."""

    ids: Sequence[int]
    spelled: Sequence[str]


class NotTaken(Exception):  # the caller tries another form, or makes it a StageFailed
    """The server understood the request and does not take it."""


class Malformed(Exception):  # tried again like a dropped connection
    """An answer that is no completion."""


def body(form: Form, model: str, ask: Ask, ends: Ends) -> dict[str, Any]:
    """Return the JSON of a request. What a server would take from the model's own defaults is said, not left to it."""
    common = {
        "model": model,
        "max_tokens": ask.max_new_tokens,
        "temperature": ask.temperature,
        "top_p": ask.top_p if ask.temperature else 1.0,
        "seed": ask.seed,
        "presence_penalty": 0.0,
        "frequency_penalty": 0.0,
        "stream": False,
    }
    if form == "vllm":
        own = {"top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0, "return_token_ids": True}
        return {**common, **own, "prompt": ask.prompt, "stop_token_ids": list(ends.ids)}
    stop = list(ends.spelled)[:MOST_STOPS]
    return {**common, "prompt": ask.prompt if form == "ids" else ask.text, **({"stop": stop} if stop else {})}


def parse(form: Form, ask: Ask, payload: Any) -> Answer:
    """Return the answer in a completion. Raises Malformed, and NotTaken where the prompt was read as other tokens."""
    try:
        choice = payload["choices"][0]
        text, reason, ids = choice["text"], choice["finish_reason"], choice.get("token_ids")
        read = (payload.get("usage") or {}).get("prompt_tokens")
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise Malformed(f"no completion: {str(payload)[:SHOWN]}") from error
    if not isinstance(text, str) or reason not in ("stop", "length"):
        raise Malformed(f"no whole completion: it ended with {reason!r}")
    if form != "text" and isinstance(read, int) and read != len(ask.prompt):
        raise NotTaken(f"it read {read} tokens where {len(ask.prompt)} were sent")
    known = isinstance(ids, list) and all(type(token) is int for token in ids)
    return Answer(text, ids if known else None, reason == "stop", read if isinstance(read, int) else None)


class Completions:
    """Talks with one server. A key, where there is one, goes into the header and nowhere else."""

    def __init__(self, url: str, key: str | None, *, timeout: float, concurrency: int) -> None:
        """`url`: up to and with `/v1`; `timeout`: seconds for one response."""
        self.url, self.timeout = url, timeout
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        host = httpx2.URL(url).host
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, CONNECT_SECONDS), pool=None),
            limits=httpx2.Limits(max_connections=concurrency, max_keepalive_connections=concurrency),
            # a proxy for the world is no way to this machine
            trust_env=host not in ("localhost", "127.0.0.1", "::1"),
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def models(self) -> list[dict[str, Any]]:
        """Return what `GET /v1/models` lists, without trying again. Raises httpx2.HTTPError and Malformed."""
        response = await self._client.get(f"{self.url}/models")
        response.raise_for_status()
        found = _json(response)
        if not isinstance(found, dict) or not isinstance(found.get("data"), list):
            raise Malformed(f"no list of models: {str(found)[:SHOWN]}")
        return [entry for entry in found["data"] if isinstance(entry, dict)]

    async def complete(self, form: Form, model: str, ask: Ask, ends: Ends) -> Answer:
        """Return one response. Raises NotTaken where this form is refused, StageFailed when patience is at its end."""
        request = body(form, model, ask, ends)
        for number in range(ATTEMPTS):
            try:
                async with asyncio.timeout(self.timeout):
                    response = await self._client.post(f"{self.url}/completions", json=request)
                if response.status_code in REFUSALS:
                    raise NotTaken(f"status {response.status_code}: {_said(response)}")
                response.raise_for_status()
                return parse(form, ask, _json(response))
            except (httpx2.HTTPError, TimeoutError, Malformed) as error:
                if not passing(error) or number == ATTEMPTS - 1:
                    raise failed(f"{self.url}/completions", error, number + 1) from None
                await asyncio.sleep(pause(number, error))
        raise AssertionError("unreachable")


def passing(error: Exception) -> bool:
    """Tell whether the same request may well succeed in a moment."""
    if isinstance(error, httpx2.HTTPStatusError):
        code = error.response.status_code
        return code in TRANSIENT or code >= 500
    return not isinstance(error, httpx2.UnsupportedProtocol)


def starting(error: Exception) -> bool:
    """Tell whether a server may only be on its way up: nobody listens yet, or it says that it is not ready."""
    if isinstance(error, httpx2.HTTPStatusError):
        return error.response.status_code == UNAVAILABLE
    return not isinstance(error, Malformed)


def pause(number: int, error: Exception) -> float:
    """Return the seconds before the next attempt: as the server asks, else back-off with jitter."""
    asked = asked_pause(error.response.headers) if isinstance(error, httpx2.HTTPStatusError) else None
    if asked is not None:
        return min(asked, MAX_ASKED_SECONDS)
    return random.uniform(0, min(PAUSE_SECONDS * 2**number, MAX_PAUSE_SECONDS))  # noqa: S311  # no secret is drawn


def asked_pause(headers: Any) -> float | None:
    """Return the seconds in `Retry-After`: a number, or the time until a date; None where it is not there."""
    text = headers.get("Retry-After", "").strip()
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - time.time()
        except ValueError:
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def failed(address: str, error: Exception, attempts: int) -> StageFailed:
    """Return the error that a user sees; what the client raised holds the key in its headers and is left behind."""
    code = error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
    hint = "look at the server and run the same command again; the responses so far are kept"
    if code in (401, 403):
        text, hint = f"refused ({code})", "name the variable that holds the server's key as `resources.server.key_env`"
    elif isinstance(error, httpx2.HTTPStatusError):
        text = f"failed (status {code}: {_said(error.response)})"
    elif isinstance(error, TimeoutError | httpx2.TimeoutException):
        text = "did not answer in time"
        hint = "raise `resources.server.timeout_seconds`, or lower `resources.server.concurrency`"
    elif isinstance(error, Malformed):
        text = f"gave an answer that is {error}"
    else:
        text = f"failed ({type(error).__name__}: {(str(error).strip() or 'no details')[:SHOWN]})"
    times = f", {attempts} times in a row" if attempts > 1 else ""
    return StageFailed(f"`{address}` {text}{times}", code="server", hint=hint)


def _json(response: httpx2.Response) -> Any:
    try:
        return response.json()
    except ValueError as error:
        raise Malformed(f"no JSON: {response.text[:SHOWN]!r}") from error


def _said(response: httpx2.Response) -> str:
    """Return a server's own message, in one line."""
    try:
        found = response.json()
        told = found.get("error", found) if isinstance(found, dict) else found
        text = str(told.get("message", told) if isinstance(told, dict) else told)
    except ValueError:
        text = response.text
    return " ".join(text.split())[:SHOWN] or "no details"
