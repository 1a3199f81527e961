"""Oracle quality: what a reward model is worth on labelled pairs, whoever learns from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from drdoctl.evals import Eval, EvalData, Figure
from drdoctl.evals._quality import quality


class OracleQualityEval(Eval):
    """Accuracy, calibration, love of length and agreement of the oracle, an ensemble's members and every judge.

    It is measured once for each of them, not for each student, on the held-out pairs or on a file of pairs.
    """

    name: Literal["oracle-quality"]
    """`oracle-quality`."""
    pairs: str | None = Field(default=None, min_length=1)
    """A file of pairs (JSON lines, a JSON array or Parquet) with `prompt`, `chosen`, `rejected`, and, where you like, a
    `subset`, which then has an accuracy of its own; without it, the held-out pairs."""
    test_set: str | None = Field(default=None, min_length=1)
    """What the figures call the file's pairs, such as `rewardbench`; needed with `pairs`."""

    paper: ClassVar[str] = "Lambert et al. (RewardBench), arXiv 2403.13787; Guo et al. (calibration), arXiv 1706.04599"
    about: ClassVar[Literal["student", "oracle"]] = "oracle"

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if self.pairs is not None and self.test_set is None:
            named = f"`test_set: {PurePath(self.pairs).name.split('.')[0] or 'my-pairs'}`"
            raise ValueError(f"`pairs` needs a name in the figures, such as {named}")
        if self.pairs is None and self.test_set is not None:
            raise ValueError("`test_set` has no effect without `pairs`")
        return self

    def files(self) -> dict[str, str]:
        """Return the file of pairs."""
        return {} if self.pairs is None else {"pairs": self.pairs}

    def tried_on(self) -> str | None:
        """Return the file's name in the figures."""
        return self.test_set

    def measure(self, data: EvalData) -> list[Figure]:
        """Return the figures of `data.pairs`: `margin_0` … of the reward model or of the members, and what is known."""
        return [replace(figure, test_set=self.test_set) for figure in quality(data.pairs, data.seed)]
