"""Arrays read a block at a time are read as Python reads them whole; what is doubtful is refused and named."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from drdoctl.data import _json
from drdoctl.data._json import elements, parse_json
from drdoctl.data._records import Bad

PIECES = [
    "[",
    "]",
    ",",
    ", ",
    "\n",
    "{}",
    '{"a": 1, "b": [2, {}]}',
    "12",
    "-1.5e3",
    '"x,]\\""',
    "null",
    "oops",
    "{",
    '"',
]
LONG = "1" * 5000


def _read(text, block=_json.BLOCK, most=1 << 20):
    before, _json.BLOCK = _json.BLOCK, block
    try:
        return list(elements(io.BytesIO(text.encode()), most))
    finally:
        _json.BLOCK = before


def _bad(found):
    return [(line, value.code, str(value)) for line, value in found if isinstance(value, Bad)]


@settings(max_examples=500)
@example(["-1.5e+3", "]"], 1)
@example(["1e+x", "]"], 1)
@given(st.lists(st.sampled_from(PIECES), max_size=12), st.integers(1, 9))
def test_arrays_are_what_python_takes_for_one(pieces, block):
    """Whatever follows the first bracket: all elements where the text is an array, else a `Bad` at the end."""
    text = "[" + "".join(pieces)
    found = _read(text, block)
    try:
        whole = json.loads(text)
    except ValueError:
        assert isinstance(found[-1][1], Bad)
    else:
        assert [value for _, value in found] == whole


@settings(max_examples=50)
@given(st.lists(st.dictionaries(st.text(max_size=3), st.floats(allow_nan=False) | st.text()), max_size=5), st.data())
def test_elements_have_the_line_where_they_start(rows, data):
    """Of an array written with a row to a line, in blocks of any size."""
    text = "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"
    assert _read(text, data.draw(st.integers(1, 40))) == [(2 + index, row) for index, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("[1,\n2,\n]", 3, "after the last `,`"),
        ("[1\n2]", 2, "no `,` or `]`"),
        ("[1,\n", 2, "the array is not closed"),
        ("[1]\n[2]", 2, "something follows"),
        ("[1,\n,2]", 2, "expecting value"),
    ],
)
def test_what_is_no_array_is_named_at_its_line(text, line, says):
    """A comma too many or too few, or text after the array, is not read over."""
    assert _read(text)[0] == (1, 1)
    ((at, code, message),) = _bad(_read(text))
    assert (at, code) == (line, "invalid-json")
    assert says in message


@pytest.mark.parametrize("block", [3, 1 << 20])
def test_a_bad_element_costs_no_other(block):
    """Keys that are there twice, and numbers that Python does not read, are bad rows with their lines."""
    text = f'[{{"a": 1, "b": {{"c": 1, "c": 2}}}},\n{{"a": {LONG}}},\n7]'
    found = _read(text, block)
    assert [(line, code) for line, code, _ in _bad(found)] == [(1, "duplicate-key"), (2, "out-of-range")]
    assert found[-1] == (3, 7)


@pytest.mark.parametrize(("text", "code"), [('{"a": 1, "a": 1}', "duplicate-key"), (f"[{LONG}]", "out-of-range")])
def test_lines_are_read_as_strictly(text, code):
    """A line with a key twice says which; one with an endless number does not speak of Python's settings."""
    with pytest.raises(Bad) as caught:
        parse_json(text)
    assert caught.value.code == code
    assert "sys." not in f"{caught.value} {caught.value.hint}"


def test_an_element_that_is_too_long_ends_the_reading():
    """What has no end within the limit is not gathered in memory."""
    ((_, code, _),) = _bad(_read('["' + "x" * 5000, 10, most=100))
    assert code == "invalid-json"
