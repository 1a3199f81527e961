"""Text from data stays text: whatever its characters, in whichever place."""

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.report.markup import (
    LONG,
    anchor,
    bullets,
    charts,
    folded,
    label,
    more,
    note,
    number_cell,
    prose,
    table,
    text,
)
from drdoctl.report.tables import Table

HOSTILE = [
    "</script><script>x</script>",
    "\x00nul\x1b[31m",
    "\u202eevil\u202c",
    "a" * 10_000,
    "👩‍👩‍👧",
    "\ud800",
    "\"'&<>",
]


def strict(markup: str) -> None:
    """Parse a page with this body; html5lib raises at the first thing that is not valid."""
    page = f"<!doctype html><html lang=en><head><title>t</title></head><body>{markup}</body></html>"
    html5lib.HTMLParser(strict=True).parse(page)


@given(st.text())
def test_any_text_is_valid_and_reads_back(value):
    """Any text is valid markup of one text node; what HTML cannot hold is replaced, never dropped."""
    made = text(value)
    strict(f"<p>{made}</p>")
    made.encode("utf-8")
    assert "<" not in made
    body = html5lib.parseFragment(made, namespaceHTMLElements=False)
    assert len(body.text or "") == len(value)


@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_text_in_every_place(value):
    """Hostile text as name, cell, title, sentence or bullet is valid markup without an element of its own."""
    made = [
        table(Table(value, [value, value], [[value, value]])),
        *(folded(value, f"<p>{prose(value)}</p>"), note(value), bullets([value]), label(value), charts([note(value)])),
    ]
    for one in made:
        strict(one)
        assert "<script" not in one


def test_control_characters_are_shown():
    """NUL and escape are shown as their pictures; line breaks and tabs stay."""
    assert text("\x00\x1b\n\t") == "␀␛\n\t"
    assert text("\ud800\x85") == "��"


def test_code_between_backticks():
    """Pairs of backticks set code; an odd one is a backtick."""
    assert prose("see `a < b` there") == "see <code>a &lt; b</code> there"
    assert prose("it`s") == "it`s"


def test_tables_without_content_leave_nothing():
    """A table without rows, or with names alone, is not drawn; nor are empty parts."""
    assert table(Table("t", ["a", "b"], [])) == table(Table("t", ["a"], [["x"]])) == ""
    assert folded("t", "") == note("") == bullets([]) == charts(["", ""]) == ""


def test_long_tables_scroll_inside_themselves():
    """Only a table of many rows scrolls inside itself."""
    rows = [[str(place), "x"] for place in range(LONG + 1)]
    assert "scroll long" in table(Table("t", ["a", "b"], rows))
    short = table(Table("t", ["a", "b"], rows[:2]))
    assert "scroll long" not in short


@pytest.mark.parametrize(
    ("cell", "markup"),
    [
        ("1.24 [1.11, 1.37]", "1.24 <small>[1.11, 1.37]</small>"),
        ("-95.1 [93.3, 96.6]*", "-95.1* <small>[93.3, 96.6]</small>"),
        ("4.7 ± 0.1 [4.5, 4.9]*", "4.7* <small>± 0.1</small> <small>[4.5, 4.9]</small>"),
        ("4.7 ± 0.1", "4.7 <small>± 0.1</small>"),
        ("align[dpo]", "align[dpo]"),
        ("a [b]", "a [b]"),
    ],
)
def test_intervals_stand_below_their_value(cell, markup):
    """A number's interval is set small, its star beside the number; other brackets stay as they are."""
    assert number_cell(cell) == markup


def test_what_is_folded_is_counted():
    """One is one, more are many."""
    assert (more(1, "student"), more(1200, "student")) == ("1 more student", "1,200 more students")


def test_anchors_are_plain():
    """A title gives a name without spaces or signs."""
    assert anchor("Head to head!") == "head-to-head"
