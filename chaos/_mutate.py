"""Wild inputs from sound ones: bytes that are flipped, cut and moved, and JSON whose values are exchanged."""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from random import Random
from typing import Any

WORDS = (
    *(
        b"\0",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xff\xfe",
        b"\r\n",
        b"\xed\xa0\x80",
        b"\x80\x04",
        b"PAR1",
        b"\x1f\x8b",
        b"NaN",
    ),
    *(b"null", b"true", b"1e999", b"-1", b"9" * 30, b"9" * 5000, b"[", b"{", b"]", b"}", b'"', b"\\ud800", b"\\u0000"),
    *(
        b"&a ",
        b"*a",
        b"<<: ",
        b"!!python/name:os.system ",
        b"- ",
        b": ",
        b"? ",
        b"%",
        b"|\n",
        b"../",
        b"\t",
        b"\n" * 50,
    ),
    *(b"[" * 3000, b'{"a":' * 3000, b"A" * 70_000),
)
"""What is put into bytes: what parsers treat apart, and a few things without measure."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2.5, 10**30, -(10**30), 1e308, float("nan"), float("inf"), "", " ", "\0", "\ud800"),
    *("x" * 5000, "../../x", "/", "zoo/x", "a:b", "2026-99-99", [], {}, [[]], [None], {"": None}, {"a": {"b": []}}),
    *([1, "a", None], "data", "manifest.json", ["x"] * 300),
)
"""What is put into JSON in the place of other values."""
DEEP = "\0deep"
"""Stands for a value that is nested beyond what a parser can follow."""
DEPTH = 20_000


def mutated(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    """Return other bytes made from `data`: by structure where it is JSON, mostly, else byte by byte."""
    if random.random() < 0.6:
        try:
            return mutated_json(data, random)
        except (ValueError, RecursionError):
            pass
    for _ in range(random.choice((1, 1, 1, 2, 4, 12))):
        data = _changed(data, others, random)
    return data


def _changed(data: bytes, others: Sequence[bytes], random: Random) -> bytes:
    at = random.randint(0, len(data))
    end = min(len(data), at + random.choice((1, 1, 2, 8, 64, 4096)))
    other = random.choice(others)
    start = random.randint(0, len(other))
    flipped = bytes([data[at] ^ 1 << random.randrange(8)]) if at < len(data) else b""
    middle, rest = random.choice(
        (
            (flipped, data[at + 1 :]),
            (random.choice(WORDS), data[at:]),
            (random.choice(WORDS), data[end:]),
            (b"", data[end:]),
            (b"", b""),
            (data[at:end] * random.choice((2, 3, 30)), data[end:]),
            (other[start : start + 400], data[end:]),
        )
    )
    return data[:at] + middle + rest


def mutated_json(data: bytes, random: Random) -> bytes:
    """Return JSON (or JSON lines) with a few values, keys or elements changed. Raises ValueError where it is none."""
    lines = data.splitlines() if data.lstrip()[:1] == b"{" and data.count(b"\n{") else [data]
    at = random.randrange(len(lines))
    value = json.loads(lines[at])
    for _ in range(random.choice((1, 1, 2, 3))):
        value = changed_value(value, random)
    lines[at] = dumps(value)
    return b"\n".join(lines)


def dumps(value: Any) -> bytes:
    """Return the JSON of a value, lone surrogates and what is nested too deeply included."""
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return text.replace(json.dumps(DEEP).encode(), b"[" * DEPTH + b"]" * DEPTH)


def changed_value(value: Any, random: Random) -> Any:
    """Return the value with one thing in it changed, at any depth."""
    if isinstance(value, dict | list) and value and random.random() < 0.85:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key: Any = random.choice(keys)
        match random.randrange(12):
            case 0:
                del value[key]
            case 1 if isinstance(value, dict):
                value[random.choice(["", "x", "name", "\ud800", "__class__", "a" * 300])] = value.pop(key)
            case 2 if isinstance(value, list):
                value.insert(key, deepcopy(value[random.choice(keys)]))
            case _:
                value[key] = changed_value(value[key], random)
        return value
    return DEEP if random.random() < 0.03 else deepcopy(random.choice(VALUES))
