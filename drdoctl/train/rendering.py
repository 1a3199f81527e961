"""Rows turned into tokens as the data stage did it, for what is read after it: samples, instructions, questions."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from transformers import AutoTokenizer

from drdoctl.data._render import Renderer
from drdoctl.train.places import described, tokenizer_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from drdoctl.stages import Job


def renderer(job: Job, who: str) -> Renderer:
    """Return what turned rows into tokens in the data stage, for the student's or the oracle's tokenizer."""
    template = "auto" if described(job, who).get("template") == "chat" else "none"
    return _renderer(tokenizer_folder(job, who), template)


@lru_cache(maxsize=8)
def _renderer(tokenizer: Path, template: str) -> Renderer:
    """Load a tokenizer once, however many ways of sampling, evals and judges read with it."""
    return Renderer(AutoTokenizer.from_pretrained(tokenizer, trust_remote_code=False), template)


def has_template(made: Renderer) -> bool:
    """Whether a chat template parts prompt and response."""
    return bool(made.describe()["template"] == "chat")


def answers(student: Renderer, prompts: Sequence[str], said: Sequence[str]) -> list[str]:
    """Return sampled texts without the space that joins prompt and response where there is no template."""
    if has_template(student):
        return list(said)
    pairs = zip(prompts, said, strict=True)
    return [text if prompt[-1:].isspace() else text.removeprefix(" ") for prompt, text in pairs]
