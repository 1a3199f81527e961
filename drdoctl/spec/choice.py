"""The figure that `select` chooses by, every field of it known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drdoctl.evals import Measure
from drdoctl.spec.model import Spec
from drdoctl.spec.select import Select

WHERE = ("against", "judge", "temperature")
"""Fields that tell figures of one metric apart."""


@dataclass(frozen=True)
class Choice:
    """What is chosen by."""

    metric: str
    against: str | None
    judge: str | None
    temperature: float | None
    goal: str
    """`max` or `min`."""


def measures(spec: Spec) -> list[Measure]:
    """Return the figures that the evals of a combination give its student."""
    return [measure for one in spec.evaluate for measure in one.measures()]


def matching(select: Select, given: Sequence[Measure]) -> list[Measure]:
    """Return the figures that a choice means, each once."""
    asked = {name: getattr(select, name) for name in WHERE if getattr(select, name) is not None}
    found = (one for one in given if one.metric == select.metric)
    return list(dict.fromkeys(one for one in found if all(getattr(one, name) == asked[name] for name in asked)))


def choice_of(spec: Spec) -> Choice | None:
    """Return what is chosen by, None without `select`. `check` has seen to it that one figure is meant."""
    if spec.select is None:
        return None
    (meant,) = matching(spec.select, measures(spec))
    return Choice(meant.metric, meant.against, meant.judge, meant.temperature, spec.select.goal or meant.best)
