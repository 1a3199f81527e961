"""What does not fit is answered with what was probably meant, or with nothing."""

from __future__ import annotations

import pytest

from drdoctl.spec.meant import SHAPES, share, without_quotes
from drdoctl.spec.schema import schema


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


def _patterns(node):
    if isinstance(node, list):
        return {found for item in node for found in _patterns(item)}
    if not isinstance(node, dict):
        return set()
    own = {node["pattern"]} if isinstance(node.get("pattern"), str) else set()
    return own | set(node.get("patternProperties", ())) | _patterns(list(node.values()))


def test_every_pattern_has_its_words():
    """Each pattern that a spec's field or key has is put into words, and no other is."""
    made = schema()
    del made["properties"]["matrix"]  # its keys' pattern is the schema's alone
    assert _patterns(made) == set(SHAPES)
