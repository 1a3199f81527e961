"""`lengths`: pairs by how long their prompt and responses are, and how alike in length the responses are."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from drdoctl.splits import PairTable, Split
from drdoctl.splits._statistics import length_ratio

if TYPE_CHECKING:
    import numpy as np

PARTS = ("prompt_tokens", "chosen_tokens", "rejected_tokens", "ratio")


class Lengths(Split):
    """Keep pairs by token counts, in the student's tokens, end token included, and by the ratio of the lengths."""

    name: Literal["lengths"] = "lengths"
    min_prompt_tokens: int | None = Field(default=None, ge=0)
    """Fewest tokens of the prompt (those that both responses go on from)."""
    max_prompt_tokens: int | None = Field(default=None, ge=0)
    """Most tokens of the prompt."""
    min_chosen_tokens: int | None = Field(default=None, ge=1)
    """Fewest tokens of the chosen response."""
    max_chosen_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of the chosen response."""
    min_rejected_tokens: int | None = Field(default=None, ge=1)
    """Fewest tokens of the rejected response."""
    max_rejected_tokens: int | None = Field(default=None, ge=1)
    """Most tokens of the rejected response."""
    min_ratio: float | None = Field(default=None, ge=1)
    """Least ratio of the longer response's tokens to the shorter one's."""
    max_ratio: float | None = Field(default=None, ge=1)
    """Greatest ratio: 1.1 keeps pairs of like length."""

    paper: ClassVar[str] = "the length filters that preference data are commonly cleaned with"

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        bounds = [name for name in type(self).model_fields if name != "name"]
        if all(getattr(self, name) is None for name in bounds):
            raise ValueError(f"split `lengths` needs one of {', '.join(f'`{name}`' for name in bounds)}")
        for part in PARTS:
            low, high = self._bounds(part)
            if low is not None and high is not None and low > high:
                raise ValueError(f"no pair lies between `min_{part}: {low:g}` and `max_{part}: {high:g}`")
        return self

    def _bounds(self, part: str) -> tuple[float | None, float | None]:
        return getattr(self, f"min_{part}"), getattr(self, f"max_{part}")

    def keep(self, table: PairTable, seed: int) -> np.ndarray:  # noqa: ARG002  # nothing is drawn
        """Return the indices of the pairs within all bounds, ascending."""
        import numpy as np

        inside = np.ones(len(table), dtype=bool)
        for part in PARTS:
            low, high = self._bounds(part)
            if low is None and high is None:
                continue
            values = length_ratio(table) if part == "ratio" else table.column(part)
            if low is not None:
                inside &= values >= low
            if high is not None:
                inside &= values <= high
        return np.flatnonzero(inside)
