"""Questions to a judge: what the store has is not asked again, the rest as many at once as the spec allows.

Each reply is kept as it comes, so that an interrupted stage goes on where it was. After a stop no new question is sent,
and those under way, which will be paid for, get a while to be answered.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drdoctl.core.commands import lacks_key
from drdoctl.core.errors import NetworkError, UserError
from drdoctl.core.progress import Progress, StopRequested, stop_requested
from drdoctl.train.api import together
from drdoctl.train.chat import Chat, Reply
from drdoctl.train.replies import Replies, replies
from drdoctl.train.serve import api_url

if TYPE_CHECKING:
    from drdoctl.evals._questions import Question
    from drdoctl.stages import Job

PATIENCE_SECONDS = 20.0
"""How long replies under way are waited for after a stop; well below what the parent grants."""
UNIT = "judgement"
BEAT_SECONDS = 60.0
"""How long a server may keep everybody waiting, as it may ask for, before we say that we are still there."""


def ask_all(job: Job, questions: Sequence[Question]) -> dict[str, Reply]:
    """Return the reply to each question by its key.

    Raises NetworkError where the judge cannot be asked, UserError where its key is not set, and StopRequested.
    """
    book = replies(job)
    unique = {question.key: question for question in questions}
    found = {key: reply for key, question in unique.items() if (reply := book.get(question)) is not None}
    missing = deque(question for key, question in unique.items() if key not in found)
    if missing:
        _Session(job, book, missing, found).run()
    return found


class _Session:
    def __init__(self, job: Job, book: Replies, missing: deque[Question], found: dict[str, Reply]) -> None:
        self.job, self.book, self.missing, self.found = job, book, missing, found
        self.progress = Progress(job)
        self.total, self.told = len(missing) + len(found), 0.0

    def run(self) -> None:
        """Ask for all that is missing."""
        settings = self.job.resources["judge"]
        if self.job.offline:
            what = f"{len(self.missing):,} of {self.total:,} judgements are not in the store"
            hint = "run the same command without `--offline`"
            raise NetworkError(f"{what}, and `--offline` sends nothing", code="offline", hint=hint)
        lacking = lacks_key("resources.judge", settings)
        if lacking:
            raise UserError(lacking)
        asyncio.run(self._run(settings))

    async def _run(self, settings: Mapping[str, Any]) -> None:
        name, concurrency = settings["key_env"], settings["concurrency"]
        client = Chat(
            api_url(settings["url"]),
            os.environ[name].strip() if name else None,
            timeout=settings["timeout_seconds"],
            concurrency=concurrency,
            attempts=settings["retries"] + 1,
        )
        many = min(concurrency, len(self.missing))
        self._report()
        if self.book.damaged:
            text = f"{self.book.damaged:,} kept replies of the judge were damaged on the disk, and are asked for again"
            self.progress.note(text)
        try:
            work = (self._work(client) for _ in range(many))
            await together(self.job, *work, watch=self._beat, patience=PATIENCE_SECONDS)
        finally:
            await client.close()
        if self.missing:
            raise StopRequested

    async def _work(self, client: Chat) -> None:
        while self.missing and not stop_requested(self.job):
            question = self.missing.popleft()
            reply = await client.ask(question)
            self.book.put(question, reply)
            self.found[question.key] = reply
            self._report()

    def _beat(self) -> None:
        if time.monotonic() - self.told >= BEAT_SECONDS:
            self._report()

    def _report(self) -> None:
        self.told = time.monotonic()
        self.progress.update(len(self.found), self.total, unit=UNIT)
