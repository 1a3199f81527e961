"""What does not fit is answered with what was probably meant, or with nothing."""

from __future__ import annotations

import pytest

from drdoctl.spec.meant import share, without_quotes


@pytest.mark.parametrize(
    ("value", "bounds", "hint"),
    [
        (30, {"le": 1}, "write a share, not per cent: `0.3`"),
        (2.5, {"lt": 1.0}, "write a share, not per cent: `0.025`"),
        (1.5, {"le": 1}, None),
        (1000, {"le": 1}, None),
        (30, {"lt": 0.5}, None),
        (-30, {"ge": 0}, None),
        (True, {"le": 1}, None),
        ("30", {"le": 1}, None),
    ],
)
def test_per_cent_where_a_share_is_asked_for(value, bounds, hint):
    """A number between 2 and 100 where at most 1 is allowed is per cent; other numbers may be anything."""
    assert share(value, bounds) == hint


@pytest.mark.parametrize(
    ("kind", "word", "hint"),
    [
        ("int_type", "12", "take the quotes off"),
        ("bool_type", "yes", "write `true`"),
        ("bool_type", "off", "write `false`"),
        ("int_type", "dozen", None),
        ("string_type", "12", None),
    ],
)
def test_words_in_place_of_values(kind, word, hint):
    """A number in quotes, and YAML 1.1's yes and no, are told apart from other words."""
    assert without_quotes(kind, word) == hint
