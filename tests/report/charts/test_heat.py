"""The heat map: each cell has its number, the colour follows it, and the sides can be told apart without colour."""

import re

from svg import parse

from drdoctl.report.charts.heat import STRONGEST, Heat, heat_map

CELLS = {("a", "b"): Heat(0.5, "75.0", "+1.20"), ("b", "a"): Heat(-0.5, "25.0", "-1.20", is_plain=True)}


def test_cells_hold_their_numbers():
    """Each pair has its number and what stands below it; a student against itself has an empty cell."""
    drawn = heat_map("Who wins", ["a", "b"], CELLS, "wins")
    assert "75.0<small>+1.20</small>" in drawn
    assert drawn.count('class="none"') == 2
    assert drawn.count(" sure") == 1
    parse(drawn)


def test_colour_follows_the_share():
    """Even is without colour, all is the strongest, and whatever the share no colour is stronger."""
    for share, strength in ((0.0, 0), (1.0, STRONGEST), (-3.0, STRONGEST)):
        drawn = heat_map("t", ["a", "b"], {("a", "b"): Heat(share, "x")}, "")
        assert re.findall(r"--heat:(\d+)%", drawn) == [str(strength)]


def test_nothing_from_nothing():
    """Without cells there is no map."""
    assert heat_map("t", ["a"], {}, "") == ""


def test_names_are_escaped():
    """Names are text in both headings."""
    assert "<i>" not in heat_map("<i>", ["<i>", "b"], {("<i>", "b"): Heat(0.1, "<i>", "<i>")}, "<i>")
