"""JSON as files of records hold it: one value from a line, or the elements of an array read a block at a time."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import IO, Any

from drdoctl.data._records import Bad

BLOCK = 1 << 20
AHEAD = 3
"""Characters behind a number that may yet belong to it: `1e+` is read as 1 while the digits are in the next block."""
LINE, ARRAY = "not JSON", "not a JSON array"
SPACE = re.compile(r"[ \t\r\n]*")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in found if names.count(name) > 1)
        raise Bad("duplicate-key", f"`{ascii(twice)[1:-1][:60]}` is there twice in one object", "keep one of the two")
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_object)
"""Of two values under one key the last would be taken without a word."""
ENDS = json.JSONDecoder(parse_int=str)
"""Finds the end of whatever is JSON."""


def parse_json(text: str) -> Any:
    """Parse one JSON value. Raises `Bad` (NaN and infinities pass: the column's own check names them)."""
    try:
        return DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise refused(error, LINE) from None


def refused(error: ValueError | RecursionError, what: str) -> Bad:
    """Return why Python's JSON reader gave up."""
    if isinstance(error, RecursionError):
        return Bad("invalid-json", f"{what}: nested too deeply")
    if isinstance(error, json.JSONDecodeError):
        said = str(error) if what == LINE else error.msg  # an array's text is known from some block on
        return Bad("invalid-json", f"{what}: {said[:1].lower()}{said[1:]}")
    return Bad("out-of-range", "a whole number has thousands of digits", "write a shorter number, or a text")


def elements(file: IO[bytes], most: int) -> Iterator[tuple[int, Any]]:
    """Yield the elements of a JSON array, each with the line where it starts; a `Bad` for what is none.

    An element of more than `most` characters is none. Bad bytes become lone surrogates.
    """
    text = _Text(file, most)
    text.take()
    closed = text.peek() == "]"
    while not closed:
        value = text.value()
        yield value
        if text.broken:
            return
        sign = text.peek()
        closed = sign == "]"
        if not closed:
            text.take()
            if sign != "," or text.peek() == "]":
                why = "there is no `,` or `]` after an element" if sign else "the array is not closed"
                yield text.line, Bad("invalid-json", "there is no element after the last `,`" if sign == "," else why)
                return
    text.take()
    if text.peek():
        yield text.line, Bad("invalid-json", "something follows the array's `]`", "make it one array, or JSON lines")


class _Text:
    """What is read of the file and not yet taken."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self.file, self.most, self.line, self.broken = file, most, 1, False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("surrogateescape")
        self._buffer, self._at, self._ended = "", 0, False

    def peek(self) -> str:
        """Return the next character that is no space; "" at the end."""
        while True:
            self.take(SPACE.match(self._buffer, self._at).end() - self._at)  # type: ignore[union-attr]  # always matches
            if self._at < len(self._buffer) or not self._more():
                return self._buffer[self._at : self._at + 1]

    def take(self, count: int | None = None) -> None:
        """Go on behind the next characters: without `count`, behind one that is no space."""
        if count is None:
            count = len(self.peek())
        self.line += self._buffer.count("\n", self._at, self._at + count)
        self._at += count

    def value(self) -> tuple[int, Any]:
        """Take the next value, or the `Bad` that says why it cannot be used; `broken`: nor anything after it."""
        self.peek()
        while True:
            found: Any
            try:
                try:
                    found, end = DECODER.raw_decode(self._buffer, self._at)
                except (Bad, ValueError) as error:
                    _, end = ENDS.raw_decode(self._buffer, self._at)  # else it may go on in the next block
                    found = error if isinstance(error, Bad) else refused(error, ARRAY)
            except (ValueError, RecursionError) as error:
                if len(self._buffer) - self._at <= self.most and self._more():
                    continue
                self.broken = True
                at_end = self._at == len(self._buffer)
                bad = Bad("invalid-json", "the array is not closed") if at_end else refused(error, ARRAY)
                return self.line, bad
            length = end - self._at  # a block that is read moves both
            if end + AHEAD < len(self._buffer) or not self._more():
                line = self.line
                self.take(length)
                return line, found

    def _more(self) -> bool:
        """Read a block; tell whether there was one."""
        block = self.file.read(BLOCK)
        if not self._ended:
            self._buffer = self._buffer[self._at :] + self._decoder.decode(block, final=not block)
            self._at, self._ended = 0, not block
        return bool(block)
