"""One figure, and one student with all of its own: the rows that the parts of a report share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drdoctl.core.parts import Model


class FigureRow(Model):
    """One measured number of one student."""

    metric: str
    """Such as `win_rate` or `truth.reward`."""
    value: float | None
    """Null where nothing could be measured."""
    low: float | None
    """Lower end of the 95 % interval (paired bootstrap over prompts)."""
    high: float | None
    """Upper end."""
    unit: str
    """Such as `share` or `reward`."""
    against: str | None
    """`sft`, `reference`, or null where nothing is compared."""
    judge: str | None
    """`oracle`, `truth`, or null."""
    temperature: float | None
    """Of the samples; 0 is greedy."""
    count: int
    """Prompts or pairs."""
    warnings: list[str]
    """What a reader must know before quoting the number."""
    p: float | None = None
    """Two-sided p-value against chance, over prompts; null where nothing is compared."""
    part: Literal["validation", "test"] | None = None
    """On which prompts, where `select` chooses students on some and figures are read on the others; else null."""
    group: str | None = None
    """Which of the pairs, or which member of an ensemble; null for all of them together."""
    test_set: str | None = None
    """Which pairs a reward model was tried on; null for the held-out ones."""


class StudentRow(Model):
    """One student and all its figures."""

    label: str
    """Such as `drdo`; `sft` is the start model."""
    stage: str
    """The evaluate stage's id."""
    policy: str | None
    """Id of the stage that made the student; null for a start model that nobody trained here."""
    figures: list[FigureRow]
    """In the spec's order."""
    warnings: list[str]
    """Stamps of the whole evaluation."""
    judged_by: dict[str, str] = Field(default_factory=dict)
    """Judge -> a mark of the model that it was: rewards and win rates by models of two marks cannot be compared."""
