"""Reads a report's page: strictly valid HTML only; tables with their cells; numbers beside the JSON."""

import re
from collections.abc import Iterator
from typing import Any

import html5lib

from drdoctl.report.provenance import duration, gib, size

NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d+)?(?![\w.]*\w)")


def parse(markup: str) -> Any:
    """Return the page's root; raises html5lib.html5parser.ParseError at the first thing that is not valid."""
    return html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(markup)


def body(markup: str) -> Any:
    """Return the root of a page around some markup."""
    return parse(f"<!doctype html><html lang=en><head><title>t</title></head><body>{markup}</body></html>")


def words(node: Any) -> str:
    """Return all text below a node."""
    return "".join(node.itertext())


def tables(root: Any) -> list[list[list[str]]]:
    """Return the cells of every table, row by row, its heading included."""
    return [[[words(cell) for cell in row] for row in node.iter("tr")] for node in root.iter("table")]


def values(found: Any) -> Iterator[Any]:
    """Yield every value of a JSON document, keys included."""
    if isinstance(found, dict):
        for key, value in found.items():
            yield key
            yield from values(value)
    elif isinstance(found, list):
        for value in found:
            yield from values(value)
    else:
        yield found


def unknown(cells: list[str], report: Any) -> list[str]:
    """Return the numbers in table cells that no value of the report gives.

    A value may be shown with up to four digits, as a share in per cent, with its sign turned (a difference seen from
    the other side), as the rest to one, or as a duration or a size.
    """
    known, texts = set(), []
    for value in values(report):
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, str):
            texts.append(value)
            continue
        known |= {duration(value), gib(value), size(int(abs(value)))}
        for one in (value, -value, 1 - value):
            for scale in (1, 100):
                known |= {f"{one * scale + 0.0:.{digits}f}" for digits in range(5)}
        known |= {f"{value:g}", f"{value:.4g}", f"{value:.3f}".rstrip("0").rstrip(".")}
    told = "\n".join(texts)
    out = []
    for cell in cells:
        if cell.strip() in told or cell.strip() in known:
            continue
        for token in NUMBER.findall(cell):
            plain = token.replace(",", "").removeprefix("+")
            if plain not in known and plain.removeprefix("-") not in known and token not in told:
                out.append(f"{token} in {cell!r}")
    return out
