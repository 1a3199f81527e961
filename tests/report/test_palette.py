"""Colours: by method, the same whatever else is drawn, and all of them in the style sheet."""

import re
from pathlib import Path

import pytest

import drdoctl.report
from drdoctl.report.palette import BASELINES, METHODS, method_of, styles

SHEET = (Path(drdoctl.report.__file__).parent / "page.css").read_text(encoding="utf-8")


def test_students_of_one_method_share_a_colour():
    """A method has one colour, its students differ by dash; baselines have colours of their own."""
    found = styles(["sft", "drdo,beta=0.1", "dpo", "drdo,beta=1", "reference"])
    assert found["drdo,beta=0.1"].colour == found["drdo,beta=1"].colour != found["dpo"].colour
    assert found["drdo,beta=0.1"].dash != found["drdo,beta=1"].dash
    assert {found["sft"].colour, found["reference"].colour} == set(BASELINES.values())
    assert method_of("drdo,beta=0.1") == "drdo"


def test_colours_begin_again():
    """More methods than colours repeat them, and none takes a baseline's."""
    found = styles([f"m{place}" for place in range(METHODS + 1)])
    assert found["m0"].colour == found[f"m{METHODS}"].colour
    assert all(style.colour < METHODS for style in found.values())


def luminance(colour: str) -> float:
    """Return the relative luminance of WCAG 2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, two: str) -> float:
    """Return the contrast of two colours, 1 to 21."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("place", [0, 1], ids=["light", "dark"])
def test_every_colour_can_be_seen(place):
    """On both grounds lines have a contrast of 3:1 at least, and words of 4.5:1 (WCAG 2, 1.4.11 and 1.4.3)."""
    root = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)[place]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", root))
    for ground in ("ground", "raised"):
        for name in (f"c{colour}" for colour in range(METHODS + len(BASELINES))):
            assert contrast(found[name], found[ground]) >= 3, name
        for name in ("ink", "soft", "accent", "bad"):
            assert contrast(found[name], found[ground]) >= 4.5, name
    assert contrast(found["warn-ink"], found["warn-ground"]) >= 4.5
