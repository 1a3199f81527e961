"""Plain scalars by YAML 1.2's core schema: `5e-7` is a number, `on` and `12:30` are strings, `010` is ten.

A float that is a whole number becomes the integer (`1e3` is 1000), here and nowhere else, so that all validators see
one and the same value.
"""

from __future__ import annotations

import re
from typing import Any

MAX_INT = 2**63 - 1

_NULL = re.compile(r"(null|Null|NULL|~|)\Z")
_BOOL = re.compile(r"(true|True|TRUE|false|False|FALSE)\Z")
_INT = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z")


def scalar(text: str) -> Any:
    """Return the value of a plain scalar by YAML 1.2's core schema. Raises ValueError for numbers that are none."""
    if _NULL.match(text):
        return None
    if _BOOL.match(text):
        return text.lower() == "true"
    for pattern, base in ((_INT, 10), (_OCTAL, 8), (_HEX, 16)):
        if pattern.match(text):
            return _integer(text, base)
    if _NOT_FINITE.match(text):
        raise ValueError(f"`{text}` is not a finite number")
    if _FLOAT.match(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError(f"`{short(text)}` is too large for a number")
        return int(number) if number.is_integer() and abs(number) <= MAX_INT else number
    return text


def _integer(text: str, base: int) -> int:
    if len(text) > 70 or abs(number := int(text, base)) > MAX_INT:
        raise ValueError(f"`{short(text)}` does not fit into 64 bits")
    return number


def short(text: str, limit: int = 24) -> str:
    """Return the text, cut where it is long."""
    return text if len(text) <= limit else text[:limit] + "…"


def no_bool(value: Any) -> Any:
    """Return a bool as the word it is written as: to Python, and so to a Literal, True is 1."""
    return str(value).lower() if isinstance(value, bool) else value
