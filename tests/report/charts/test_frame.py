"""What charts share: legends, room around values, escaped titles."""

from drdoctl.report.charts.frame import NAMED, figure, frame, legend, marker, spread
from drdoctl.report.charts.scales import round_scale
from drdoctl.report.palette import DASHES, Style


def test_a_legend_only_where_there_is_a_choice():
    """One thing needs no legend; each of several has its swatch and its escaped name."""
    assert legend({"a": Style(0)}) == ""
    drawn = legend({"<a>": Style(0), "b": Style(1, 2)}, dots=True)
    assert drawn.count('class="dot ') == 2
    assert "&lt;a&gt;" in drawn


def test_axes_are_named():
    """Both names stand at their axes, escaped."""
    x, y = round_scale(0, 1, *NAMED.across), round_scale(0, 1, *NAMED.up)
    drawn = "".join(frame(NAMED, x, y, "tokens & more", "reward"))
    assert ">tokens &amp; more</text>" in drawn
    assert ">↑ reward</text>" in drawn


def test_spread_leaves_room():
    """The outermost values do not lie on the frame."""
    low, high = spread([0.0, 10.0])
    assert low < 0
    assert high > 10


def test_titles_are_escaped():
    """A title is text, also in the words for who does not see the drawing."""
    assert "<i>" not in figure(NAMED, "<i>", "<i>", [])


def test_points_of_one_colour_differ_by_shape():
    """Each dash has a marker of its own, so that students of one method can be told apart."""
    drawn = {marker(Style(0, dash), 10, 10) for dash in range(len(DASHES))}
    assert len(drawn) == len(DASHES)
