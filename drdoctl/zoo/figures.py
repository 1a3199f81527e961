"""The figures of a card as people are told them: on a page, in `show`, in lists and searches.

With `select` an evaluation measures everything twice: on validation prompts, which students are chosen by, and on test
prompts. A choice flatters its own figures, so people are told those of the test prompts; the card keeps both.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from drdoctl.core.distinct import distinct
from drdoctl.core.words import TEST
from drdoctl.zoo.card import Card

TELLING = ("accuracy", "win_rate", "truth.reward", "implicit_accuracy")
"""Metrics by how much they tell of a model; the first that is there stands for it."""
NUMBER = r"(-?\d{1,20}(?:\.\d{1,20})?(?:e[+-]?\d{1,3})?)"
INTERVAL = re.compile(rf"\(95 % interval {NUMBER} to {NUMBER}\)")
WORD = r"([^,]{1,200}?)"
QUALIFIED = re.compile(
    rf"(?:, against {WORD})?(?:, by {WORD})?(?:, at temperature {NUMBER})?(?: \(95 % interval [^,]*\))?"
)
"""What follows the metric in a title, as `title` and `interval` write it."""


@dataclass(frozen=True)
class Figure:
    """One measured number, and what it was measured against, by whom and at which temperature."""

    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    against: str | None = None
    judge: str | None = None
    temperature: float | None = None

    def __str__(self) -> str:
        """Return it in a few words: `win_rate 0.712 [0.671, 0.751] against sft, by fair, at temperature 0.7`."""
        between = "" if self.low is None or self.high is None else f" [{self.low:.3g}, {self.high:.3g}]"
        of = ", ".join(qualifiers(self.__dict__))
        return f"{self.metric} {self.value:.3g}{between}{of and f' {of}'}"


def told(figures: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the figures people are told, each once: those of test prompts, or of all where none were put aside."""
    return distinct([figure for figure in figures if figure.get("part") in (None, TEST)])


def figures_of(card: Card) -> tuple[Figure, ...]:
    """Return the numbers of a card: its quality as a reward model first, then what was measured of a student."""
    quality = [{"metric": metric, **value} for metric, value in card.quality.items() if isinstance(value, dict)]
    made = (figure_of(plain) for plain in (*quality, *told(card.figures)))
    return tuple(one for one in made if one is not None)


def figure_of(plain: Mapping[str, Any]) -> Figure | None:
    """Return a card's figure, or None for one that is no number, or is of some of the pairs alone."""
    metric = plain.get("metric")
    value, low, high, temperature = (number(plain.get(key)) for key in ("value", "low", "high", "temperature"))
    if not isinstance(metric, str) or value is None or plain.get("group"):
        return None
    against, judge = (word if isinstance(word := plain.get(key), str) else None for key in ("against", "judge"))
    return Figure(metric, value, low, high, against, judge, temperature)


def indexed(metric: Mapping[str, Any]) -> Figure | None:
    """Return a metric of a page's `model-index` as a figure.

    The index has no place for an interval or a baseline: our pages have them in the metric's name.
    """
    kind, name = metric.get("type"), str(metric.get("name"))
    ends = INTERVAL.search(name)
    low, high = (float(end) for end in ends.groups()) if ends else (None, None)
    of = QUALIFIED.fullmatch(name.removeprefix(kind)) if isinstance(kind, str) and name.startswith(kind) else None
    against, judge, temperature = of.groups() if of else (None, None, None)
    found = {"against": against, "judge": judge, "temperature": temperature and float(temperature)}
    return figure_of({"metric": kind, "value": metric.get("value"), "low": low, "high": high, **found})


def lowest(figures: Iterable[Figure]) -> dict[str, Figure]:
    """Return metric -> the figure that stands for it: of several baselines, judges and temperatures the lowest value.

    So a search by a least value finds what reaches it against everybody, and shows the figure that it went by.
    """
    found: dict[str, Figure] = {}
    for figure in figures:
        if figure.metric not in found or figure.value < found[figure.metric].value:
            found[figure.metric] = figure
    return found


def title(plain: Mapping[str, Any]) -> str:
    """Return a figure's name: `win_rate, against sft, by fair, at temperature 0.7`."""
    return ", ".join([str(plain.get("metric")), *qualifiers(plain)])


def qualifiers(plain: Mapping[str, Any]) -> list[str]:
    """Return what tells figures of one metric apart, in words."""
    said = [f"{word} {plain[key]}" for word, key in (("against", "against"), ("by", "judge")) if plain.get(key)]
    temperature = number(plain.get("temperature"))
    return said if temperature is None else [*said, f"at temperature {temperature:g}"]


def interval(plain: Mapping[str, Any]) -> str:
    """Return a figure's interval as the index has it, behind the title; nothing where it has none."""
    low, high = plain.get("low"), plain.get("high")
    return "" if low is None or high is None else f" (95 % interval {low:.3g} to {high:.3g})"


def number(value: Any) -> float | None:
    """Return a finite number as a float, and None for anything else: cards hold what their publishers wrote."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:  # an integer beyond all floats
        return None
