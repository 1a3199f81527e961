"""The HTML file: self-contained, escaped, accessible, the same bytes each time."""

from html.parser import HTMLParser

import pytest
from report_house import HOSTILE

from drdoctl.report.collect import collect
from drdoctl.report.html import render, table_html, write
from drdoctl.report.tables import Table

VOID = {"meta", "img", "br", "line", "circle", "path"}


class Page(HTMLParser):
    """Collects tags and attributes, and checks that what opens closes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag, attrs):
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """Remember the tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        """Check that the tag closes the one last opened."""
        assert self.open.pop() == tag

    def handle_data(self, data):
        """Remember the text."""
        self.text.append(data)


@pytest.fixture(scope="module")
def page(house):
    """Return the parsed page."""
    parsed = Page()
    parsed.feed(render(collect(house.store, house.plan)))
    assert parsed.open == []
    return parsed


def test_needs_nothing_from_outside(page):
    """No script, no link to load, no remote address: the file works anywhere, offline, for ever."""
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object"}
    targets = [value for _, attributes in page.tags for name, value in attributes.items() if name in ("src", "href")]
    assert all(target.startswith("#") for target in targets)
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_hostile_text_stays_text(page):
    """A response or prompt full of markup is shown as it is."""
    assert HOSTILE in page.text
    assert "prompt 0 <b>bold</b>" in page.text


def test_accessible(page):
    """Language, one title, one first heading; every table has a caption and header cells; every chart a name."""
    assert dict(page.tags)["html"]["lang"] == "en"
    assert [tag for tag, _ in page.tags].count("h1") == 1
    count = [tag for tag, _ in page.tags].count
    assert count("caption") == count("table") > 4
    assert {"col", "row"} == {attributes["scope"] for tag, attributes in page.tags if tag == "th"}
    charts = [attributes for tag, attributes in page.tags if tag == "svg" and "aria-hidden" not in attributes]
    assert charts
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in charts)
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"} <= set(ids)


def test_says_what_a_reader_must_know(page):
    """Warnings, data counts, hashes, versions and the spec are on the page."""
    text = " ".join(page.text)
    for part in ("judge = teacher", "is not pinned", "too-long 200", "ab" * 32, "transformers", '"name": "demo"'):
        assert part in text


def test_same_bytes(house, tmp_path):
    """Written twice, the file is the same."""
    write(house.store, house.plan, tmp_path / "a.html")
    write(house.store, house.plan, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_empty_tables_leave_nothing():
    """A table without rows, or with names alone, is not drawn."""
    assert table_html(Table("t", ["a", "b"], [])) == table_html(Table("t", ["a"], [["x"]])) == ""
