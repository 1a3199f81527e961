"""What an eval asks of a language model behind a server: the question, and what asking all of them will take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from drdoctl.core.fingerprint import digest

if TYPE_CHECKING:
    from drdoctl.evals._sampling import Sampling


@dataclass(frozen=True)
class Question:
    """One question, and the row of `judgements.parquet` that its answer makes."""

    judge: str
    """Who judges, as the figures say it: `llm:MODEL`."""
    model: str
    text: str
    """The whole of the message."""
    max_tokens: int
    """The longest answer."""
    prompt_id: str
    sampling: Sampling
    against: str
    order: str
    """Which response is shown first: `student first` or `baseline first`."""

    @cached_property
    def request(self) -> dict[str, Any]:
        """Return what is asked, whoever answers. Temperature 0: the same question should get the same answer."""
        messages = [{"role": "user", "content": self.text}]
        return {"model": self.model, "messages": messages, "temperature": 0, "max_tokens": self.max_tokens}

    @cached_property
    def key(self) -> str:
        """Return the request's name, made from its content."""
        return digest(self.request)


@dataclass(frozen=True)
class Asked:
    """The questions of one sampling against one baseline, for the plan's cost. Tokens are counted as the student's."""

    model: str
    sampling: Sampling
    against: str
    requests: int
    """Questions for each prompt."""
    fixed_tokens: int
    """Tokens of a question beside the prompt and the responses."""
    responses: int
    """Responses in a question: two that are compared, and perhaps a reference."""
    answer_tokens: int
    """Expected tokens of an answer."""
