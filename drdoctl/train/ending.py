"""A chat template that ends a conversation where the reward is read.

Many templates write a line break, or more, after the token that ends an answer. drdoctl reads a reward at the end token
itself; whoever renders whole conversations (TRL, vLLM) would read it behind that, at a token that training never saw.
"""

from __future__ import annotations

import contextlib
from typing import Any

from drdoctl.data._template import PROBE, Template

WHOLE = "drdoctl_conversation"
"""The name that a wrapped template gives to what it has rendered."""
TURNS = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": PROBE}]


def end_where_read(tokenizer: Any, template: Template) -> bool:
    """Let the tokenizer's template end after an answer's end token, in place. Returns whether it does.

    What it makes of a prompt stays the same. A template that cannot be wrapped stays as it is.
    """
    end, before = template.end_token, tokenizer.chat_template
    if not template.chat or not isinstance(before, str) or end is None:
        return False
    asked, told = _renderings(tokenizer)
    rest = told[0].rpartition(PROBE)[2]
    if rest == end:
        return True
    tokenizer.chat_template = _wrapped(before, rest, end)
    with contextlib.suppress(Exception):  # a template is a program: it may raise anything
        if _renderings(tokenizer) == (asked, [text[: len(text) - len(rest)] + end for text in told]):
            return True
    tokenizer.chat_template = before
    return False


def _renderings(tokenizer: Any) -> tuple[list[str], list[str]]:
    """Return what the template makes of two prompts and of two conversations."""

    def render(turns: list[dict[str, str]], *, ask: bool) -> str:
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=ask))

    prompts, whole = (TURNS[:1], [*TURNS, *TURNS[:1]]), (TURNS, [*TURNS, *TURNS])
    return [render(turns, ask=True) for turns in prompts], [render(turns, ask=False) for turns in whole]


def _wrapped(template: str, rest: str, end: str) -> str:
    """Return a template that renders another one, and puts `end` in the place of `rest` behind the last answer."""
    # an expression at both sides of the inner template keeps Jinja from trimming its first and last white space
    return (
        f"{{%- set {WHOLE} -%}}{{{{ '' }}}}{template.removesuffix(chr(10))}{{{{ '' }}}}{{%- endset -%}}"
        f"{{%- if not add_generation_prompt and messages[-1]['role'] == 'assistant' "
        f"and {WHOLE}.endswith({rest!r}) -%}}"
        f"{{{{ {WHOLE}[:{WHOLE}|length - {len(rest)}] ~ {end!r} }}}}"
        f"{{%- else -%}}{{{{ {WHOLE} }}}}{{%- endif -%}}"
    )
