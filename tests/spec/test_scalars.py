"""YAML 1.2's core schema, and whole floats as integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.spec.scalars import scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5e-7", 5e-7),
        ("1e5", 100_000),
        (".5", 0.5),
        ("5.", 5),
        ("1.0", 1),
        ("-1.5E+2", -150),
        ("010", 10),
        ("+3", 3),
        ("0x1F", 31),
        ("0o17", 15),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("Null", None),
    ],
)
def test_core_scalars(text, value):
    """Numbers, booleans and null are what YAML 1.2 says, with one type for one value."""
    read = scalar(text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    "text", ["on", "off", "yes", "no", "y", "12:30", "1_000", "0b1", "2024-01-01", "1e", ".", "tRue", "0X1F", "١"]
)
def test_words_stay_words(text):
    """What only YAML 1.1 took for a number, a date or a boolean is a word."""
    assert scalar(text) == text


@pytest.mark.parametrize("text", [".inf", "-.INF", ".nan", "1e999", "9" * 5000, "0x" + "f" * 17, str(2**63)])
def test_numbers_that_no_setting_can_be(text):
    """Infinite, undefined and huge numbers are refused with a short message."""
    with pytest.raises(ValueError, match="`") as caught:
        scalar(text)
    assert len(str(caught.value)) < 80


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_read_as_python_writes_them(number):
    """Python's shortest text of a float is read back to the same value."""
    assert scalar(repr(number)) == number
