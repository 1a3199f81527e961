"""Clouds of points: all inside the frame, rules where they are asked for, big points with their intervals."""

from hypothesis import given
from hypothesis import strategies as st
from svg import parse, places

from drdoctl.report.charts.dots import Axes, Cloud, dot_chart
from drdoctl.report.charts.frame import NAMED
from drdoctl.report.palette import Style

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False).map(lambda value: round(value, 4))
AXES = Axes("across", "up", zeros=True, diagonal=True)


@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=30), st.booleans())
def test_any_points_are_drawn_inside_the_frame(points, is_big):
    """Whatever the points, even a single one, nothing lies outside the frame."""
    root = parse(dot_chart("t", [Cloud("a", points, is_big=is_big)], AXES))
    circles = [(float(node.attrib["cx"]), float(node.attrib["cy"])) for node in root.iter() if node.tag == "circle"]
    assert len(circles) == (len(points) if is_big else 0)
    for across, up in [*places(root), *circles]:
        assert -0.1 <= across <= NAMED.width + 0.1
        assert -0.1 <= up <= NAMED.height + 0.1


def test_nothing_from_nothing():
    """Without points there is no chart."""
    assert dot_chart("t", [Cloud("a", [])], AXES) == ""


def test_rules_stand_where_both_signs_are():
    """Lines at nought and of equal values are drawn where they cross the picture, and only when asked for."""
    points = [(-1.0, -1.0), (1.0, 1.0)]
    assert dot_chart("t", [Cloud("a", points)], AXES).count('class="rule"') == 3
    assert dot_chart("t", [Cloud("a", points)], Axes("x", "y")).count('class="rule"') == 0
    assert dot_chart("t", [Cloud("a", [(1.0, -2.0), (2.0, -1.0)])], AXES).count('class="rule"') == 0


def test_big_points_have_intervals_and_lines():
    """A big point shows its intervals both ways, and a joined cloud a line through its points."""
    points = [(1.0, 2.0), (3.0, 5.0)]
    drawn = dot_chart("t", [Cloud("a", points, Style(1), True, [(0.5, 1.5), None], [None, (4.0, 6.0)])], AXES)
    assert drawn.count('<line class="line c1"') == 2
    assert drawn.count('<path class="line') == 0
    joined = dot_chart("t", [Cloud("a", points, Style(1), True, is_joined=True)], AXES)
    assert joined.count('<path class="line') == 1


def test_shared_ranges_make_charts_comparable():
    """With given ranges the same point lies at the same place, whatever else is in the picture."""
    axes = Axes("x", "y", (0.0, 10.0), (0.0, 10.0))
    alone = places(parse(dot_chart("t", [Cloud("a", [(5.0, 5.0)])], axes)))
    assert alone[0] in places(parse(dot_chart("t", [Cloud("a", [(5.0, 5.0), (9.0, 1.0)])], axes)))
