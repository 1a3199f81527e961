"""Reads a chart's markup as a tree."""

import re
from xml.etree import ElementTree as ET


def parse(markup: str) -> ET.Element:
    """Parse markup whose text XML can hold."""
    return ET.fromstring(markup.replace("<wbr>", ""))  # noqa: S314  # our own output


def places(root: ET.Element) -> list[tuple[float, float]]:
    """Return the points of all paths."""
    drawn = " ".join(node.attrib["d"] for node in root.iter() if node.tag == "path")
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", drawn)]
