"""Colours of students: one for each method, the same in every chart of a page; students of one method differ by dash.

The colours themselves are in `page.css`: those of Okabe and Ito (https://jfly.uni-koeln.de/color/), which readers with
any colour vision tell apart, darkened on a light ground and lightened on a dark one to a contrast of 3:1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drdoctl.core.words import REFERENCE, SFT

METHODS = 6
"""Colours for methods; then they begin again."""
BASELINES = {SFT: METHODS, REFERENCE: METHODS + 1}
"""The colours of what students are compared with."""
DASHES = ("", "6 3", "2 3", "8 3 2 3", "1 3", "10 4")


@dataclass(frozen=True)
class Style:
    """How a student is drawn."""

    colour: int
    dash: int = 0

    @property
    def classes(self) -> str:
        """Return the class of the style sheet."""
        return f"c{self.colour}"

    @property
    def stroke(self) -> str:
        """Return the attribute of a dashed line, with a space behind it; "" for a whole one."""
        return f'stroke-dasharray="{DASHES[self.dash]}" ' if DASHES[self.dash] else ""


def method_of(label: str) -> str:
    """Return the method in a student's label: `drdo` of ``drdo,beta=0.1``."""
    return label.partition(",")[0]


def styles(labels: Iterable[str]) -> dict[str, Style]:
    """Return a style for each label: colours by method in order of appearance, dashes among the students of one."""
    colours: dict[str, int] = {}
    members: dict[str, int] = {}
    found: dict[str, Style] = {}
    for name in dict.fromkeys(labels):
        method = method_of(name)
        colour = BASELINES.get(method)
        if colour is None:
            colour = colours.setdefault(method, len(colours) % METHODS)
        place = members.setdefault(method, 0)
        members[method] += 1
        found[name] = Style(colour, place % len(DASHES))
    return found


def styles_of(report: Mapping[str, Any], more: Iterable[str] = ()) -> dict[str, Style]:
    """Return a style for every student of a report, and for `more` names; students of one setting share theirs."""
    settings = settings_of(report)
    names = [*BASELINES, *(student["label"] for student in report["students"]), *settings, *more]
    found = styles(settings.get(name, name) for name in names)
    return {name: found[settings.get(name, name)] for name in [*names, *settings.values()]}


def settings_of(report: Mapping[str, Any]) -> dict[str, str]:
    """Return the label of a student -> the setting that it is one seed of; {} where there is one seed."""
    return {label: row["label"] for row in report["over_seeds"] for label in row["students"]}
