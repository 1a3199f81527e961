"""Values that cannot be hashed, each once: two evals of the same samples tell the same figures of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value")


def distinct(values: Sequence[Value]) -> list[Value]:
    """Return the values in their order, each once."""
    return [value for at, value in enumerate(values) if value not in values[:at]]
