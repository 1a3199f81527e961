"""Records -> `Row`: the checks that every source shares.

A converter is a function from a mapping to a `Row`; what it cannot use it refuses by raising `Bad`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from drdoctl.data import Row

ROLES = ("system", "user", "assistant")
SURROGATE = re.compile("[\ud800-\udfff]")
TEXTS = ("prompt", "chosen", "rejected", "reference")
NUMBERS = ("confidence", "score_chosen", "score_rejected", "preference")
COLUMNS = ("id", *TEXTS, *NUMBERS)
"""Our own columns, which `data.columns` renames."""


class Bad(Exception):  # becomes a `BadRow`, not an error
    """Why a record cannot be used."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        """`code` is stable, `message` a sentence without its place."""
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def mapping(value: Any, name: str = "the row") -> Mapping[str, Any]:
    """Return a value that must be a mapping."""
    if not isinstance(value, Mapping):
        raise Bad("wrong-type", f"{name} is {kind(value)}, not an object")
    return value


def kind(value: Any) -> str:
    """Return what a value is, in JSON's words."""
    words = {bool: "a boolean", str: "a text", list: "a list", dict: "an object", type(None): "null"}
    return words.get(type(value), "a number" if isinstance(value, int | float) else type(value).__name__)


def text(value: Any, name: str) -> str:
    """Return a value that must be a text with something in it, and can be written as UTF-8."""
    if not isinstance(value, str):
        raise Bad("wrong-type", f"`{name}` is {kind(value)}, not a text")
    if not value.strip():
        raise Bad("empty-prompt" if name.startswith("prompt") else "empty-response", f"`{name}` is empty")
    return encodable(value, name)


def encodable(value: str, name: str) -> str:
    """Return a text that can be written as UTF-8."""
    if SURROGATE.search(value):
        raise Bad("lone-surrogate", f"`{name}` holds half of a surrogate pair, or bytes that are not UTF-8")
    return value


def number(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float | None:
    """Return an optional number that must be finite and from `low` to `high`."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Bad("wrong-type", f"`{name}` is {kind(value)}, not a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise Bad("not-finite", f"`{name}` is {found}", "leave the value out (null) where it is not known")
    if not low <= found <= high:
        raise Bad("out-of-range", f"`{name}` is {found:g}, not from {low:g} to {high:g}")
    return found


def turns(value: list[Any], name: str) -> list[dict[str, str]]:
    """Return a list that must hold `{role, content}` turns."""
    found = []
    for place, turn in enumerate(value):
        label = f"{name}[{place}]"
        role = mapping(turn, f"`{label}`").get("role")
        if role not in ROLES:
            raise Bad("wrong-type", f"`{label}.role` is {role!r:.40}, not one of {', '.join(ROLES)}")
        content = turn.get("content")
        # a system turn may be empty; what is asked and answered may not
        content = encodable(content, label) if content == "" and role == "system" else text(content, f"{label}.content")
        found.append({"role": role, "content": content})
    if not found:
        raise Bad("empty-prompt" if name == "prompt" else "empty-response", f"`{name}` has no turns")
    return found


def response(value: Any, name: str) -> tuple[list[dict[str, str]] | None, str]:
    """Return the turns before the last assistant turn (None for plain text), and the response itself."""
    if not isinstance(value, list):
        return None, text(value, name)
    found = turns(value, name)
    if found[-1]["role"] != "assistant":
        raise Bad("wrong-type", f"the last turn of `{name}` is not the assistant's")
    return found[:-1], found[-1]["content"]


def joined(prompt: Any, head: list[dict[str, str]] | None) -> str | list[dict[str, str]]:
    """Return the prompt, given the `prompt` column and the turns that stand before the response."""
    if prompt is None:
        if not head:
            raise _missing("prompt")
        return head
    if isinstance(prompt, list):
        given = turns(prompt, "prompt")
        return head if head and head[: len(given)] == given else given + (head or [])
    given_text = text(prompt, "prompt")
    if not head:
        return given_text
    # chat data sets repeat one of the user's turns as the prompt
    if not any(turn["content"] == given_text for turn in head):
        raise Bad("prompt-differs", "`prompt` is not among the turns before the response")
    return head


def pair(record: Mapping[str, Any], row_id: str, where: str, columns: Mapping[str, str] | None = None) -> Row:
    """Return the `Row` of a record in drdoctl's own columns, each a text, a number or a list of turns.

    `columns` maps our names to the record's. Raises `Bad`.
    """
    names = {name: (columns or {}).get(name, name) for name in COLUMNS}
    value = {name: record.get(column) for name, column in names.items()}
    for name in ("chosen", "rejected"):
        if value[name] is None:
            raise _missing(names[name], name)
    head, chosen = response(value["chosen"], names["chosen"])
    other_head, rejected = response(value["rejected"], names["rejected"])
    if head is not None and other_head is not None and head != other_head:
        raise Bad("turns-differ", f"`{names['chosen']}` and `{names['rejected']}` differ before their last turn")
    if value["prompt"] is None and not (head or other_head):
        raise _missing(names["prompt"], "prompt")
    if chosen == rejected:
        raise Bad("identical", f"`{names['chosen']}` and `{names['rejected']}` are the same text")
    reference = None if value["reference"] is None else response(value["reference"], names["reference"])[1]
    return Row(
        id=identity(value["id"], row_id),
        prompt=joined(value["prompt"], head if head is not None else other_head),
        chosen=chosen,
        rejected=rejected,
        reference=reference,
        confidence=number(value["confidence"], names["confidence"]),
        score_chosen=number(value["score_chosen"], names["score_chosen"]),
        score_rejected=number(value["score_rejected"], names["score_rejected"]),
        preference=number(value["preference"], names["preference"], 0, 1),
        where=where,
    )


def identity(value: Any, fallback: str) -> str:
    """Return a row's id as text: a text or whole number, or the fallback where there is none."""
    if value is None or value == "":
        return fallback
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise Bad("wrong-type", f"`id` is {kind(value)}, not a text or a whole number")
    return encodable(str(value), "id")


def _missing(column: str, name: str = "prompt") -> Bad:
    return Bad("missing-column", f"there is no `{column}`", f"say which column it is: `data.columns: {{{name}: NAME}}`")
