"""The client's side of `POST /v1/completions`, as vLLM and other OpenAI-compatible servers answer it.

Three forms of a request, of which the first answer decides: token ids with vLLM's own fields, so that exactly the
student's tokens go in and come out; token ids with the standard fields; text. A server that refuses one form, or that
says it read another number of tokens than were sent, gets the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from drdoctl.train.api import SHOWN, Api, Malformed, NotTaken

Form = Literal["vllm", "ids", "text"]
FORMS: tuple[Form, ...] = ("vllm", "ids", "text")
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


class Completions(Api):
    """Completes prompts by one server."""

    async def complete(self, form: Form, model: str, ask: Ask, ends: Ends) -> Answer:
        """Return one response. Raises NotTaken where this form is refused, StageFailed when patience is at its end."""
        return await self.post("completions", body(form, model, ask, ends), lambda found: parse(form, ask, found))
