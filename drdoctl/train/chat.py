"""The client's side of `POST /v1/chat/completions`: one question to a judge, one reply."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from drdoctl.core.errors import NetworkError
from drdoctl.train.api import SHOWN, Api, Malformed, NotTaken

if TYPE_CHECKING:
    from drdoctl.evals._questions import Question

REFUSED = ("content_filter", "content_policy_violation")
"""A server's codes for a question that it will not have, whoever asks again: an answer that says nothing."""
LIMITS = ("max_tokens", "max_completion_tokens")
"""What servers call the longest answer: nearly all the first; some models take the second alone."""


@dataclass(frozen=True)
class Reply:
    """What a judge said, as it came."""

    text: str
    """Empty where there is only a refusal."""
    finish: str
    """Why it ended: `stop`, `length`, `content_filter` …, or the server's code for a refusal."""
    tokens_in: int | None = None
    tokens_out: int | None = None
    """As the server counts them, where it does."""


class Chat(Api):
    """Asks one judge."""

    section: ClassVar[str] = "resources.judge"
    error = NetworkError
    code: ClassVar[str] = "judge"
    kept: ClassVar[str] = "the replies so far are kept"
    limit = LIMITS[0]

    async def ask(self, question: Question) -> Reply:
        """Return the reply. Raises NetworkError where no reply will come."""
        tried = self.limit
        try:
            return await self._ask(question, tried)
        except NotTaken as error:
            if self.limit == tried == LIMITS[0] and LIMITS[1] in str(error):
                self.limit = LIMITS[1]
            elif error.code in REFUSED:
                return Reply("", error.code)
            elif self.limit == tried:
                raise self._not_taken(question, error) from None
        return await self.ask(question)

    async def _ask(self, question: Question, limit: str) -> Reply:
        request = dict(question.request)
        request[limit] = request.pop(LIMITS[0])
        return await self.post("chat/completions", request, self._parse)

    def _parse(self, payload: Any) -> Reply:
        """Return the reply in an answer of the server. Raises Malformed."""
        try:
            choice, usage = payload["choices"][0], payload.get("usage") or {}
            message, finish = choice["message"], choice.get("finish_reason")
            text = message.get("content") or message.get("refusal") or ""
            counts = [usage.get(name) for name in ("prompt_tokens", "completion_tokens")]
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise Malformed(f"no chat completion: {self.hide(str(payload))[:SHOWN]}") from error
        if not isinstance(text, str):
            raise Malformed(f"no text: {self.hide(str(text))[:SHOWN]}")
        tokens_in, tokens_out = (count if type(count) is int else None for count in counts)
        return Reply(self.hide(text), str(finish or ""), tokens_in, tokens_out)

    def _not_taken(self, question: Question, error: NotTaken) -> NetworkError:
        needs = "that it takes `temperature: 0` and questions this long"
        hint = f"see `resources.judge.url`, the eval's `model`, and {needs}; {self.kept}"
        about = f"the question about prompt `{question.prompt_id}`"
        return NetworkError(f"`{self.url}` does not take {about}: {error}", code=self.code, hint=hint)
