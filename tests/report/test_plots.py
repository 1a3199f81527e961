"""Plots: well-formed SVG, round ticks, nothing outside the frame, names escaped."""

import re
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.report.plots import HEIGHT, WIDTH, Line, Mark, interval_chart, line_chart, ticks

FINITE = st.floats(-1e7, 1e7, allow_subnormal=False).map(lambda value: round(value, 6))


@given(FINITE, FINITE, st.integers(2, 8))
def test_ticks_enclose(low, high, count):
    """Ticks ascend evenly, enclose the range, and are not many more than asked for."""
    low, high = sorted((low, high))
    marks = ticks(low, high, count)
    slack = 1e-6 * max(1.0, abs(low), abs(high), high - low)
    assert marks == sorted(set(marks))
    assert marks[0] <= low + slack
    assert marks[-1] >= high - slack
    assert 2 <= len(marks) <= count + 3


@given(st.lists(st.tuples(st.integers(1, 10_000), st.none() | FINITE), min_size=1, max_size=40), st.text(max_size=9))
def test_line_chart_is_sound(points, name):
    """Any points give well-formed SVG with all coordinates in the frame; all-unknown gives nothing."""
    svg = line_chart("t", [Line(name.translate(dict.fromkeys(range(32))), sorted(points, key=lambda p: p[0]))])
    if all(up is None for _, up in points):
        assert svg == ""
        return
    root = parse(svg)
    paths = [node.attrib["d"] for node in root.iter() if node.tag == "path"]
    for across, up in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", " ".join(paths)):
        assert -0.1 <= float(across) <= WIDTH + 0.1
        assert -0.1 <= float(up) <= HEIGHT + 0.1


def parse(svg: str) -> ET.Element:
    """Parse the markup; text that XML cannot hold is not what is tested."""
    clean = re.sub("[\ud800-\udfff\ufffe\uffff\x7f-\x9f]", "", svg)
    return ET.fromstring(clean)  # noqa: S314  # our own output


def test_unknown_points_break_the_line():
    """A gap in the log is a gap in the curve, not a bridge."""
    svg = line_chart("t", [Line("a", [(1, 1.0), (2, None), (3, 3.0), (4, 4.0)])])
    assert len(re.findall(r'd="M[^M"]*M[^M"]*"', svg)) == 1


def test_charts_say_what_they_show():
    """Each chart has a role and a text alternative with its numbers; names are escaped; curves differ by dash."""
    lines = [Line("<b>", [(1, 2.0), (9, 4.0)]), Line("b", [(1, 3.0), (9, 5.0)])]
    svg = line_chart("Loss & more", lines)
    assert 'role="img" aria-label="Loss &amp; more: &lt;b&gt; from 2 to 4; b from 3 to 5"' in svg
    assert "<b>" not in svg
    assert svg.count("<li>") == 2
    assert "stroke-dasharray" in svg
    dots = interval_chart("Wins", [Mark("drdo", 0.7, 0.6, 0.8), Mark("dpo", 0.5)], "share", 0.5)
    assert "drdo 0.7 (0.6 to 0.8); dpo 0.5" in dots
    assert dots.count("<circle") == 2
    assert interval_chart("Wins", [], "share") == ""


@pytest.mark.parametrize(("value", "high"), [(0.0, 0.0), (5e-7, 5e-7), (1e9, 2e9), (-3.0, -3.0)])
def test_flat_and_tiny_ranges(value, high):
    """A constant, a learning rate and a huge number are drawn without a division by zero."""
    assert "NaN" not in line_chart("t", [Line("a", [(1, value), (2, high)])])
    parse(interval_chart("t", [Mark("a", value, value, high)], "x"))
