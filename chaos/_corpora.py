"""Specs without measure, rows that cannot be used, and files that are not what they are called."""

from __future__ import annotations

import gzip
import json

GOOD = {"prompt": "what ?", "chosen": "this", "rejected": "that"}
BAD_ROWS = (
    (b'{"prompt": "p", "chosen": "c"}', "missing-column"),
    (b'{"prompt": "p", "chosen": "c", "rejected": 7}', "wrong-type"),
    (b'{"prompt": {"a": 1}, "chosen": "c", "rejected": "r"}', "wrong-type"),
    (b"[1, 2]", "wrong-type"),
    (b'"text"', "wrong-type"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r", "score_chosen": NaN}', "not-finite"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r", "confidence": 1e999}', "not-finite"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r", "confidence": true}', "wrong-type"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r", "preference": 1.5}', "out-of-range"),
    (b'{"prompt": "p", "chosen": "\xff\xfe", "rejected": "r"}', "utf-8"),
    (b'{"prompt": "p", "chosen": "\\ud800", "rejected": "r"}', "lone-surrogate"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r"', "invalid-json"),
    (b"[" * 100_000, "invalid-json"),
    (b'{"prompt": "p", "chosen": "c", "chosen": "d", "rejected": "r"}', "duplicate-key"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r", "score_chosen": ' + b"1" * 5000 + b"}", "out-of-range"),
    (b'{"prompt": "p", "chosen": "same", "rejected": "same"}', "identical"),
    (b'{"prompt": "p", "chosen": "", "rejected": "r"}', "empty-response"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "\\u2003\\n"}', "empty-response"),
    (b'{"prompt": " \\n", "chosen": "c", "rejected": "r"}', "empty-prompt"),
    (b'{"prompt": [{"role": "robot", "content": "x"}], "chosen": "c", "rejected": "r"}', "wrong-type"),
    (b'{"prompt": "p", "chosen": "c", "rejected": "r", "id": [1]}', "wrong-type"),
    (b'{"prompt": "p", "chosen": [], "rejected": "r"}', "empty-response"),
)
"""A line, and the code that it is refused with."""


def bombs() -> dict[str, bytes]:
    """Return specs that are small to write and large, deep or dangerous to read."""
    aliases = "".join(f"{chr(97 + i)}: &{chr(97 + i)} [{','.join(['*' + chr(96 + i)] * 9)}]\n" for i in range(1, 9))
    return {
        "aliases of aliases": b"a: &a [x,x,x,x,x,x,x,x,x]\n" + aliases.encode(),
        "an alias of itself": b"a: &a [*a]\n",
        "900,000 open lists": b"[" * 900_000,
        "100,000 open mappings": b"{a: " * 100_000,
        "100,000 nested dashes": b"- " * 100_000,
        "a key 150,000 times": b"a: 1\n" * 150_000,
        "a list of 400,000": b"a: [" + b"1," * 400_000 + b"]",
        "20,001 anchors": b"".join(b"k%d: &a%d 1\n" % (at, at) for at in range(20_001)),
        "a number of 900,000 digits": b"seed: " + b"9" * 900_000,
        "100 MB": b"# comment\n" * 10_000_000,
        "a call of Python": b"a: !!python/object/apply:os.system ['true']\n",
        "a name of Python": b"a: !!python/name:os.system\n",
    }


def bad_files() -> dict[str, tuple[str, bytes]]:
    """Return data files that cannot be read at all: what is wrong -> file name and content."""
    row = (json.dumps(GOOD) + "\n").encode()
    wide = {name: ("rows.jsonl", row.decode().encode(name)) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32")}
    return {
        **wide,
        "gzip that is cut": ("rows.jsonl.gz", gzip.compress(row * 1000)[:60]),
        "gzip with a flipped bit": ("rows.jsonl.gz", gzip.compress(row)[:-9] + b"\xff" + gzip.compress(row)[-8:]),
        "Parquet of four bytes": ("rows.parquet", b"PAR1"),
        "Parquet that is cut": ("rows.parquet", b"PAR1" + bytes(100) + b"PAR1"),
    }
