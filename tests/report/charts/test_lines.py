"""Curves: well-formed, inside the frame, gaps kept, names escaped."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from svg import parse, places

from drdoctl.report.charts.frame import SMALL, WIDE
from drdoctl.report.charts.lines import MOST, Line, line_chart, smooth
from drdoctl.report.palette import Style

FINITE = st.floats(-1e7, 1e7, allow_subnormal=False).map(lambda value: round(value, 6))


@given(st.lists(st.tuples(st.integers(1, 10_000), st.none() | FINITE), min_size=1, max_size=40), st.text(max_size=9))
def test_any_points_are_drawn_inside_the_frame(points, name):
    """Any points and any name give well-formed SVG with all coordinates in the frame; all-unknown gives nothing."""
    drawn = line_chart("t", [Line(name, sorted(points, key=lambda point: point[0]))])
    if all(up is None for _, up in points):
        assert drawn == ""
        return
    for across, up in places(parse(drawn)):
        assert -0.1 <= across <= SMALL.width + 0.1
        assert -0.1 <= up <= SMALL.height + 0.1


def test_unknown_points_break_the_line():
    """A gap in the log is a gap in the curve, not a bridge."""
    drawn = line_chart("t", [Line("a", [(1, 1.0), (2, None), (3, 3.0), (4, 4.0)])])
    assert len(re.findall(r'd="M[^M"]*M[^M"]*"', drawn)) == 1


def test_a_chart_says_what_it_shows():
    """Each chart has a role and its numbers in words; names are escaped; curves differ by dash as well as colour."""
    lines = [Line("<b>", [(1, 2.0), (9, 4.0)]), Line("b", [(1, 3.0), (9, 5.0)])]
    drawn = line_chart("Loss & more", lines)
    assert 'role="img" aria-label="Loss &amp; more: &lt;b&gt; from 2 to 4; b from 3 to 5"' in drawn
    assert "<b>" not in drawn
    assert drawn.count("<li>") == 2
    assert "stroke-dasharray" in drawn
    assert "<li>" not in line_chart("t", lines, named=False)


def test_many_curves_are_thin_and_sheets_differ():
    """A crowd is drawn thinner, a given style is taken, and the sheet decides the size."""
    crowd = [Line(str(place), [(1, 0.0), (2, float(place))], Style(3)) for place in range(MOST + 1)]
    drawn = line_chart("t", crowd, sheet=WIDE)
    assert drawn.count('class="line thin c3"') == MOST + 1
    assert f'viewBox="0 0 {WIDE.width} {WIDE.height}"' in drawn


@pytest.mark.parametrize(("value", "high"), [(0.0, 0.0), (5e-7, 5e-7), (1e9, 2e9), (-3.0, -3.0)])
def test_flat_and_tiny_ranges(value, high):
    """A constant, a learning rate and a huge number are drawn without a division by zero."""
    assert "nan" not in line_chart("t", [Line("a", [(1, value), (2, high)])]).lower()


def test_smoothing_keeps_gaps_ends_and_levels():
    """A level stays a level, a gap a gap, and each point is the mean of what is known around it."""
    assert smooth([(1, 2.0), (2, 2.0), (3, 2.0)], 3) == [(1, 2.0), (2, 2.0), (3, 2.0)]
    assert smooth([(1, 0.0), (2, None), (3, 6.0), (4, 3.0)], 3) == [(1, 0.0), (2, None), (3, 4.5), (4, 4.5)]


def test_what_was_measured_at_the_end_is_a_dot():
    """It stands at the right edge, within the scale; a line that has nothing else is drawn as that alone."""
    lines = [Line("a", [(1, 0.0), (9, 1.0)], end=5.0), Line("b", [(1, None), (9, None)], end=2.0)]
    drawn = line_chart("t", lines)
    assert drawn.count('class="dot') == 2
    assert "a from 0 to 1, measured 5; b measured 2" in drawn
    for across, up in places(parse(drawn)):
        assert -0.1 <= across <= SMALL.width + 5
        assert -0.1 <= up <= SMALL.height + 5
    assert line_chart("t", [Line("b", [(1, None)], end=2.0)]) == ""
