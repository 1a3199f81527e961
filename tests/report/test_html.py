"""The HTML file: valid, self-contained, escaped, accessible, always the same bytes, no number that JSON has not."""

import copy
from pathlib import Path
from typing import Any

import pytest
from page import parse, tables, unknown, words
from report_house import HOSTILE

from drdoctl.report.collect import collect
from drdoctl.report.html import render, write
from drdoctl.report.sections import sections

NASTY = "</script><script>alert(1)</script>\x00\u202e\ud800<!-- <img src=x onerror=y> ]]> &amp; `" + "w" * 10_000
DOCS = Path(__file__).parents[2] / "docs" / "report.md"
NAMES = {"metric", "kind", "severity", "judge", "against", "x", "y", "part", "goal", "created", "basis", "unit"}
"""Keys whose values are words of drdoctl's own."""


@pytest.fixture(scope="module")
def report(house):
    """Return the collected report."""
    return collect(house.store, house.plan)


@pytest.fixture(scope="module")
def page(report):
    """Return the parsed page: strictly valid HTML, or no test of this file passes."""
    return parse(render(report))


def test_needs_nothing_from_outside(page):
    """No script, no link to load, no remote address: the file works anywhere, offline, for ever."""
    nodes = list(page.iter())
    assert not {node.tag for node in nodes} & {"script", "link", "img", "iframe", "object"}
    targets = [value for node in nodes for name, value in node.attrib.items() if name in ("src", "href")]
    assert targets
    assert all(target.startswith("#") for target in targets)
    assert not any(name.startswith("on") for node in nodes for name in node.attrib)


def test_hostile_text_stays_text(page):
    """A response or prompt full of markup is shown as it is."""
    assert HOSTILE in words(page)
    assert "prompt 0 <b>bold</b>" in words(page)


def _hostile(found: Any, key: str = "") -> Any:
    """Return a document with something nasty behind every text that is not drdoctl's own word."""
    if isinstance(found, dict):
        return {name: _hostile(value, name) for name, value in found.items()}
    if isinstance(found, list):
        return [_hostile(value, key) for value in found]
    return found + NASTY if isinstance(found, str) and key not in NAMES else found


def test_nothing_in_a_report_can_break_the_page(report):
    """With markup, NUL, right-to-left marks, surrogates and endless words in every text the page stays valid."""
    made = parse(render(_hostile(copy.deepcopy(report))))
    usual = parse(render(report))
    assert {node.tag for node in made.iter()} <= {node.tag for node in usual.iter()} | {"code"}
    assert "<img src=x" in words(made)


def test_accessible(page):
    """Language, one title, one first heading; every table has a name and header cells; every chart a name."""
    assert page.attrib["lang"] == "en"
    assert len(list(page.iter("h1"))) == 1
    named = [node for node in page.iter("table") if node.find("caption") is not None or node.attrib.get("aria-label")]
    assert len(named) == len(list(page.iter("table"))) > 4
    assert {"col", "row"} == {node.attrib["scope"] for node in page.iter("th")}
    charts = [node for node in page.iter() if node.tag.endswith("}svg") and "aria-hidden" not in node.attrib]
    assert charts
    assert all(node.attrib["role"] == "img" and node.attrib["aria-label"] for node in charts)
    ids = [node.attrib["id"] for node in page.iter() if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    assert {node.attrib["href"][1:] for node in page.iter("a")} <= set(ids)


def test_says_what_a_reader_must_know(page):
    """The answer, warnings, data counts, hashes, versions, the commands and the spec are on the page."""
    text = words(page)
    for part in (
        *("By the true reward, dpo does best", "judge = teacher", "is not pinned", "dropped, too-long", "ab" * 32),
        *("transformers", "drdoctl apply demo.yaml --set seed=3", "version: 1  # demo", '"name": "demo"'),
    ):
        assert part in text


def test_every_number_of_a_table_is_in_the_json(page, report):
    """What the tables show can be had from `report --json`; a number from elsewhere would be found out."""
    cells = [cell for rows in tables(page) for row in rows for cell in row]
    assert len(cells) > 100
    assert unknown(cells, report) == []
    assert unknown(["123.457 [1.11, 2.22]"], report) != []


def test_sections_stand_in_order(page, report):
    """Every section that has something to show is there, in its place, and in the list of links."""
    titles = [section.TITLE for section in sections() if section.html(report)]
    assert [words(node) for node in page.iter("h2")] == titles
    assert [words(node) for node in page.find(".//nav").iter("a")] == titles
    places = [section.PLACE for section in sections()]
    assert places == sorted(places)


def test_every_section_is_explained():
    """The page on the report has them all, by the names that they have, in their order."""
    rows = [line.split("|")[1].strip() for line in DOCS.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    told = [name for row in rows[2:] for name in row.split(", ")]
    assert told[1:] == [section.TITLE for section in sections()]


def test_what_is_not_there_leaves_no_section(report):
    """A report of an unfinished plan has no empty sections, and is still a page."""
    empty = report | {name: [] for name in ("students", "differences", "curves", "figure4", "clouds", "lengths")}
    made = parse(render(empty | {"generations": [], "data": {}, "answer": [], "question": "", "findings": []}))
    titles = [words(node) for node in made.iter("h2")]
    assert "Samples" not in titles
    assert "Curves" not in titles
    assert "No evaluation is finished yet." in words(made)


def test_same_bytes(house, tmp_path):
    """Written twice, the file is the same."""
    write(house.store, house.plan, tmp_path / "a.html")
    write(house.store, house.plan, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
