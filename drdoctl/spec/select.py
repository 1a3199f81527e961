"""`select`: which student of a matrix stands for its group, by a figure on validation prompts, never on test ones."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drdoctl.core.parts import Model
from drdoctl.spec.sugar import OneOrMany

VALIDATION_FRACTION = 0.5
"""Share of the prompts and held-out pairs that students are chosen on, where the spec does not say."""


class Select(Model):
    """Picks one student of each group of combinations that differ in `over` alone; seeds are averaged over."""

    metric: str = Field(min_length=1)
    """The figure to choose by, such as `truth.reward`, `win_rate` or `implicit_accuracy`; one that an eval gives."""
    over: Annotated[list[Annotated[str, Field(min_length=1)]], OneOrMany(), Field(min_length=1)]
    """What is chosen: keys of the matrix, or parameters in which its methods of one name differ, such as
    `method.learning_rate`. Combinations that agree in all else but the seed are one group."""
    temperature: float | None = Field(default=None, ge=0)
    """Of the samples, where the evals give the metric at several temperatures."""
    against: str | None = None
    """The baseline, where the evals give the metric against several."""
    judge: str | None = None
    """The judge, where the evals give the metric by several."""
    goal: Literal["max", "min"] | None = None
    """Whether the largest or the smallest mean is the best; without it, as the metric is meant."""
