"""A student's responses from a server, kept one by one as they come: a resume asks only for what is missing.

Which numbers a server draws is its own affair: seeds are sent, but the same seed may give another response on another
server, version or load. What was drawn once is kept, so that an interrupted evaluation ends with one draw of each.
"""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from collections import deque
from collections.abc import Coroutine, Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx2

from drdoctl.core.commands import SERVE
from drdoctl.core.errors import StageFailed
from drdoctl.core.files import read_json, write_atomic
from drdoctl.core.fingerprint import file_sha256
from drdoctl.core.progress import Progress
from drdoctl.train.api import ATTEMPTS, Malformed, NotTaken, passing, starting, together
from drdoctl.train.completions import FORMS, Answer, Ask, Completions, Ends, Form
from drdoctl.train.draws import row_seed
from drdoctl.train.notebook import Kept, notebook
from drdoctl.train.pieces import wait_until
from drdoctl.train.responses import Said, Way, check_room
from drdoctl.train.serve import Endpoint, Served, command_line, endpoint, served_model

if TYPE_CHECKING:
    from drdoctl.stages import Job
    from drdoctl.train.runtime import World

SEED_BITS = 31
"""All servers take seeds of so many bits."""
LISTEN_SECONDS = 0.5
QUIET_SECONDS = 10.0
"""How long a server is waited for before the user hears of it."""


class ServerSampler:
    """Samples every way through a server. The first process asks; the others read what it kept."""

    def __init__(
        self,
        job: Job,
        world: World,
        location: Mapping[str, Any],
        tokenizer: Any,
        ends: Sequence[int],
        of: str = "",
    ) -> None:
        """Take the stage, where its model is, the student's tokenizer, and the token ids that end a response.

        `of`: whose prompts these are, as in `Sampling`: each has a notebook of its own.
        """
        self.job, self.world, self.location, self.tokenizer = job, world, location, tokenizer
        self.ends = Ends(ends, [tokenizer.decode([token]) for token in ends])
        self.book = notebook(job, of)
        self.complete = self.book.path.with_name("complete")

    def run(self, prompts: Sequence[list[int]], ids: Sequence[str], ways: Sequence[Way]) -> dict[str, list[Said]]:
        """Return the responses of each way by its label, in prompt order. `ids`: the prompts' names, for the seeds."""
        if self.world.first:
            self._ask_for_missing(prompts, ids, ways)
            write_atomic(self.complete, file_sha256(self.book.path))
        wait_until(self._is_complete, self.job)
        found = {(kept.way, kept.row): Said(kept.text, kept.tokens, kept.ended) for kept in self.book.read()}
        return {way.label: [found[way.label, row] for row in range(way.prompts)] for way in ways}

    def _is_complete(self) -> bool:
        """Whether the first process has all responses, and they are as it left them."""
        there = self.complete.exists() and self.book.path.exists()
        return there and self.complete.read_text(encoding="ascii", errors="replace") == file_sha256(self.book.path)

    def _ask_for_missing(self, prompts: Sequence[list[int]], ids: Sequence[str], ways: Sequence[Way]) -> None:
        damaged = self.book.mend()
        there = {(kept.way, kept.row) for kept in self.book.read()}
        most = max(way.prompts for way in ways)
        # all ways of one prompt together: servers that remember prefixes then read each prompt once
        wanted = [(way, row) for row in range(most) for way in ways if row < way.prompts]
        missing = [(way, row) for way, row in wanted if (way.label, row) not in there]
        if not missing:
            return
        if damaged:
            text = f"{damaged:,} of the server's responses were damaged on the disk, and are asked for again"
            Progress(self.job).note(text)
        asks = deque((way, row, self._ask(prompts[row], ids[row], way)) for way, row in missing)
        served = served_model(self.job, self.location)
        config = SimpleNamespace(**(read_json(served.folder / "config.json") or {}))
        for way in ways:
            check_room(config, max(len(prompt) for prompt in prompts[: way.prompts]), way)
        with endpoint(self.job, served) as server:
            asyncio.run(_Session(self, server, served, asks, len(wanted)).run())

    def _ask(self, prompt: list[int], name: str, way: Way) -> Ask:
        seed = row_seed(self.job.settings["seed"], name, way.label) >> (64 - SEED_BITS)
        text = self.tokenizer.decode(prompt, clean_up_tokenization_spaces=False)
        return Ask(prompt, text, way.temperature, way.top_p, way.max_new_tokens, seed)

    def keep(self, way: Way, row: int, form: Form, answer: Answer) -> int:
        """Write one answer down and return its tokens. The text is decoded from its tokens where they are known."""
        if answer.ids is None:
            text = answer.text
            tokens = len(self.tokenizer(text, add_special_tokens=False)["input_ids"]) + answer.ended
        else:
            self._refuse_unknown(answer.ids)
            closed = answer.ended and bool(answer.ids) and answer.ids[-1] in self.ends.ids
            cut = answer.ids[:-1] if closed else answer.ids
            text = self.tokenizer.decode(cut, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            tokens = len(cut) + answer.ended
        self.book.add(Kept(way.label, row, text, tokens, answer.ended, form, answer.read))
        return tokens

    def _refuse_unknown(self, ids: Sequence[int]) -> None:
        """Raise StageFailed where a token is none of the tokenizer's: decoding would leave it out without a word."""
        unknown = [token for token in ids if not 0 <= token < len(self.tokenizer)]
        if unknown:
            raise StageFailed(
                f"the server answered with the token {unknown[0]}, but the model's tokenizer has {len(self.tokenizer)}",
                code="server",
                hint="see that it serves this model with its own tokenizer",
            )


class _Session:
    """One event loop's work: wait for the server, settle the form, ask for all that is missing."""

    def __init__(
        self, sampler: ServerSampler, server: Endpoint, served: Served, asks: deque[tuple[Way, int, Ask]], total: int
    ) -> None:
        self.sampler, self.server, self.served, self.asks, self.total = sampler, server, served, asks, total
        self.job = sampler.job
        settings = self.job.resources["server"]
        self.many = min(settings["concurrency"], len(asks))
        self.client = Completions(
            server.url, server.key, timeout=settings["timeout_seconds"], concurrency=settings["concurrency"]
        )
        self.progress = Progress(self.job)
        self.model, self.form = "", FORMS[0]
        self.done = total - len(asks)

    async def run(self) -> None:
        """Do all of it. Raises StopRequested soon after a stop is asked for: requests under way are dropped."""
        try:
            slow = asyncio.get_running_loop().call_later(QUIET_SECONDS, self._say_that_it_waits)
            try:
                await self._while_wanted(self._find_model())
            finally:
                slow.cancel()
            self._report(0)
            await self._while_wanted(self._settle())
            await self._while_wanted(*(self._work() for _ in range(self.many)))
        finally:
            await self.client.close()

    async def _while_wanted(self, *bodies: Coroutine[Any, Any, None]) -> None:
        await together(self.job, *bodies, watch=self.server.check)

    async def _find_model(self) -> None:
        """Wait until the server answers, and see that it serves this very model."""
        began, number, broken = time.monotonic(), 0, 0
        while True:
            try:
                listed = await self.client.models()
                break
            except (httpx2.HTTPError, Malformed) as error:
                number += 1
                broken += not starting(error)
                late = time.monotonic() - began >= self.server.start_seconds
                if late or broken == ATTEMPTS or not passing(error):
                    raise self.client.failed("models", error, number) from None
            await asyncio.sleep(LISTEN_SECONDS)
        names = self.served.names
        self.model = next((entry["id"] for entry in listed if {entry.get("id"), entry.get("root")} & {*names}), "")
        if not self.model:
            raise self._other_model([str(entry.get("id")) for entry in listed])

    def _say_that_it_waits(self) -> None:
        """Tell the user what the stage waits for, and where to look: some servers never end after they failed."""
        where = f"; its log is `{self.server.log}`" if self.server.log is not None else ""
        seconds = self.server.start_seconds
        limit = f"{seconds / 60:.0f} minutes" if seconds > 90 else f"{seconds:.0f} seconds"
        self.progress.note(f"`{self.server.url}` does not answer yet, and has {limit} in all{where}")
        self._report(0)

    def _other_model(self, listed: list[str]) -> StageFailed:
        command = shlex.join(command_line(SERVE, self.served, self.job.settings["student.dtype"], "PORT"))
        shown = ", ".join(f"`{name}`" for name in listed) or "nothing"
        return StageFailed(
            f"`{self.server.url}` does not serve `{self.served.names[0]}`: it serves {shown}",
            code="other-model",
            hint=f"serve it with `{command}`, then run the same command again",
        )

    async def _settle(self) -> None:
        """Take the first form that the server takes; the answer counts."""
        way, row, ask = self.asks[0]
        refused = NotTaken("")
        for form in FORMS:
            try:
                answer = await self.client.complete(form, self.model, ask, self.sampler.ends)
            except NotTaken as error:
                sys.stderr.write(f"{self.server.url} does not take prompts as `{form}`: {error}\n")
                refused = error
                continue
            self.form = form
            self.asks.popleft()
            self._keep(way, row, answer)
            return
        raise self._refused(refused)

    async def _work(self) -> None:
        while self.asks:
            way, row, ask = self.asks.popleft()
            try:
                answer = await self.client.complete(self.form, self.model, ask, self.sampler.ends)
            except NotTaken as error:
                raise self._refused(error) from None
            self._keep(way, row, answer)

    def _refused(self, error: NotTaken) -> StageFailed:
        hint = "see that it offers completions, and room for the longest prompt and response together"
        return StageFailed(
            f"`{self.server.url}/completions` does not take a request: {error}", code="server", hint=hint
        )

    def _keep(self, way: Way, row: int, answer: Answer) -> None:
        tokens = self.sampler.keep(way, row, self.form, answer)
        self.done += 1
        self._report(tokens)

    def _report(self, tokens: int) -> None:
        self.progress.update(self.done, self.total, unit="response", tokens=tokens)
