"""Values with intervals: names and numbers as text, positions in per cent of the row."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svg import parse

from drdoctl.report.charts.forest import Mark, interval_chart
from drdoctl.report.palette import Style

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 4))


@given(st.lists(st.tuples(st.text(max_size=9), FINITE, FINITE, FINITE), min_size=1, max_size=9), st.none() | FINITE)
def test_everything_lies_in_its_row(values, zero):
    """Any values and any rule lie between 0 and 100 % of the row."""
    marks = [Mark(name, sorted(ends)[1], min(ends), max(ends)) for name, *ends in values]
    root = parse(interval_chart("t", marks, "unit", zero))
    for node in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            if name in node.attrib:
                assert -0.01 <= float(node.attrib[name].rstrip("%")) <= 100.01


def test_numbers_and_names_are_text():
    """The number is beside the drawing, its interval below it; names are escaped; what is marked stands out."""
    marks = [Mark("<i>,x=1", 0.7, 0.6, 0.8, told="70.0 [60.0, 80.0]", is_marked=True), Mark("dpo", 0.5)]
    drawn = interval_chart("Wins", marks, "%", 0.5)
    assert "70.0 <small>[60.0, 80.0]</small>" in drawn
    assert "&lt;i&gt;,<wbr>x=<wbr>1" in drawn
    assert drawn.count('class="who marked"') == 1
    assert drawn.count('class="dot') == 2
    assert drawn.count('class="line') == 1


def test_single_values_behind_a_mean():
    """Values of single seeds are drawn as rings of the same colour."""
    drawn = interval_chart("t", [Mark("a", 1.0, others=(0.5, 1.5), style=Style(2))], "reward")
    assert len(re.findall(r'class="one c2"', drawn)) == 2


@pytest.mark.parametrize("value", [0.0, 5e-7, 1e9, -3.0])
def test_flat_ranges(value):
    """One value without an interval is drawn without a division by zero."""
    assert "nan" not in interval_chart("t", [Mark("a", value, value, value)], "x").lower()
    assert interval_chart("t", [], "x") == ""
