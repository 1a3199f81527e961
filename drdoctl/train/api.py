"""One OpenAI-compatible server: asking again what may pass, giving up on what will not, and saying which it was.

A key, where there is one, goes into the header and nowhere else: what a server says is shown and kept without it.
"""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Callable, Coroutine
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeVar

import httpx2

from drdoctl.core.errors import DrdoError, StageFailed
from drdoctl.core.progress import Place, StopRequested, stop_requested

Found = TypeVar("Found")
REFUSALS = (400, 404, 405, 422)
"""What a server answers to fields or prompts that it does not take, or without such an address at all."""
TRANSIENT = (408, 409, 425, 429)
SPENT = ("insufficient_quota", "billing_hard_limit_reached")
"""Codes that come with status 429 and do not pass."""
UNAVAILABLE = 503
ATTEMPTS = 7
PAUSE_SECONDS = 0.5
"""Before the second attempt; doubles each time (exponential back-off with full jitter)."""
MAX_PAUSE_SECONDS = 30.0
MAX_ASKED_SECONDS = 300.0
"""The longest pause that a server's `Retry-After` gets."""
TOLD_SECONDS = 20.0
"""Longer pauses are told in the log."""
CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.2
"""How often somebody looks whether a stop is asked for."""
SHOWN = 300
HIDDEN = "[key]"


class NotTaken(Exception):  # the caller tries another form, or makes it an error
    """The server understood the request and does not take it."""

    def __init__(self, text: str, code: str = "") -> None:
        """`code`: the server's own word for it, where it gives one."""
        super().__init__(text)
        self.code = code


class Malformed(Exception):  # tried again like a dropped connection
    """An answer that is not what was asked for."""


class Api:
    """Talks with one server. The class says what a failure is, and where a user mends it."""

    section: ClassVar[str] = "resources.server"
    error: ClassVar[type[DrdoError]] = StageFailed
    code: ClassVar[str] = "server"
    kept: ClassVar[str] = "the responses so far are kept"

    def __init__(
        self, url: str, key: str | None, *, timeout: float, concurrency: int, attempts: int | None = None
    ) -> None:
        """`url`: up to and with `/v1`; `timeout`: seconds for one response; `attempts`: without it, `ATTEMPTS`."""
        self.url, self.timeout, self.attempts, self._key = url, timeout, attempts or ATTEMPTS, key
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
        found = self._json(response)
        if not isinstance(found, dict) or not isinstance(found.get("data"), list):
            raise Malformed(f"no list of models: {str(found)[:SHOWN]}")
        return [entry for entry in found["data"] if isinstance(entry, dict)]

    async def post(self, path: str, request: dict[str, Any], parse: Callable[[Any], Found]) -> Found:
        """Return the parsed answer. `parse` may raise Malformed.

        Raises NotTaken where the request is refused, the class's error when patience is at its end.
        """
        for number in range(self.attempts):
            try:
                async with asyncio.timeout(self.timeout):
                    response = await self._client.post(f"{self.url}/{path}", json=request)
                if response.status_code in REFUSALS:
                    raise NotTaken(f"status {response.status_code}: {self._said(response)}", code_of(response))
                response.raise_for_status()
                return parse(self._json(response))
            except (httpx2.HTTPError, TimeoutError, Malformed) as error:
                if not passing(error) or number == self.attempts - 1:
                    raise self.failed(path, error, number + 1) from None
                seconds = pause(number, error)
                if seconds > TOLD_SECONDS:
                    sys.stderr.write(f"{self.url} asks to wait {seconds:.0f} s\n")
                await asyncio.sleep(seconds)
        raise AssertionError("unreachable")

    def failed(self, path: str, error: Exception, attempts: int) -> DrdoError:
        """Return the error that a user sees; what the client raised holds the key in its headers and is left behind."""
        code = error.response.status_code if isinstance(error, httpx2.HTTPStatusError) else None
        hint = f"look at the server and run the same command again; {self.kept}"
        if code in (401, 403):
            text = f"refused ({code})"
            hint = f"name the variable that holds the server's key as `{self.section}.key_env`"
            if self._key:
                hint = f"see that the variable in `{self.section}.key_env` holds a key that is good for this server"
        elif isinstance(error, httpx2.HTTPStatusError):
            text = f"failed (status {code}: {self._said(error.response)})"
        elif isinstance(error, TimeoutError | httpx2.TimeoutException):
            text = "did not answer in time"
            hint = f"raise `{self.section}.timeout_seconds`, or lower `{self.section}.concurrency`; {self.kept}"
        elif isinstance(error, Malformed):
            text = f"gave an answer that is {error}"
        else:
            text = f"failed ({type(error).__name__}: {(str(error).strip() or 'no details')[:SHOWN]})"
        times = f", {attempts} times in a row" if attempts > 1 else ""
        return self.error(f"`{self.url}/{path}` {self.hide(text)}{times}", code=self.code, hint=hint)

    def hide(self, text: str) -> str:
        """Return a server's words without the key, should it repeat it."""
        return text.replace(self._key, HIDDEN) if self._key else text

    def _json(self, response: httpx2.Response) -> Any:
        try:
            return response.json()
        except ValueError as error:
            raise Malformed(f"no JSON: {self.hide(response.text)[:SHOWN]!r}") from error

    def _said(self, response: httpx2.Response) -> str:
        """Return a server's own message, in one line."""
        told = _told(response)
        text = str(told.get("message", told) if isinstance(told, dict) else told)
        return " ".join(self.hide(text).split())[:SHOWN] or "no details"


async def together(
    job: Place,
    *bodies: Coroutine[Any, Any, None],
    watch: Callable[[], None] = lambda: None,
    patience: float = 0.0,
) -> None:
    """Run the bodies until all have ended, one has failed, or a stop is asked for and `patience` seconds are over.

    `watch` is called a few times a second and after every body, and may raise. Raises StopRequested.
    """
    tasks, asked = {asyncio.ensure_future(body) for body in bodies}, math.inf
    try:
        while tasks:
            done, tasks = await asyncio.wait(tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if stop_requested(job):
                asked = min(asked, time.monotonic())
                if not tasks or time.monotonic() - asked >= patience:
                    raise StopRequested
            try:
                for task in done:
                    task.result()
            finally:
                watch()  # that a server has died explains what a request saw of it
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def passing(error: Exception) -> bool:
    """Tell whether the same request may well succeed in a moment."""
    if isinstance(error, httpx2.HTTPStatusError):
        code = error.response.status_code
        return (code in TRANSIENT and code_of(error.response) not in SPENT) or code >= 500
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


def code_of(response: httpx2.Response) -> str:
    """Return a server's own code for an error, such as `content_filter`; empty where it gives none."""
    told = _told(response)
    return str(told.get("code") or "") if isinstance(told, dict) else ""


def _told(response: httpx2.Response) -> Any:
    """Return what an error's body says: the standard's `error`, other JSON, or the text."""
    try:
        found = response.json()
    except ValueError:
        return response.text
    return found.get("error", found) if isinstance(found, dict) else found
