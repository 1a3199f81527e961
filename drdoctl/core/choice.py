"""How `select` chooses: which figure it means, and which of several settings has the best mean of it over seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

ASKED = ("metric", "against", "judge", "temperature")
"""Fields that tell a choice's figure from all others of one part of the prompts."""


def is_meant(figure: Mapping[str, Any], by: Mapping[str, Any], part: str) -> bool:
    """Whether a figure is the one that is chosen by (`by`: the fields of `ASKED`), on one part of the prompts."""
    return figure["part"] == part and all(figure[name] == by[name] for name in ASKED)


def mean(values: Sequence[float | None]) -> float | None:
    """Return the mean over seeds; None where a seed has no value."""
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None


def best(means: Mapping[str, float | None], goal: str) -> str | None:
    """Return the setting with the best mean, the first of equals; None where none has one. `goal`: max or min."""
    sign = 1 if goal == "max" else -1
    known = {setting: sign * value for setting, value in means.items() if value is not None}
    return max(known, key=known.__getitem__, default=None)
