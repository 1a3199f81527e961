"""What became of a plan that was carried out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from drdoctl.core.errors import DrdoError


@dataclass
class Outcome:
    """What became of a plan."""

    done: dict[str, Path] = field(default_factory=dict)
    """Stage id -> artifact folder, those that were there included."""
    failed: dict[str, DrdoError] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)
    """Stage id -> the stages that failed before it."""

    @property
    def exit_code(self) -> int:
        """Return 0, or the code of the first failure."""
        return next((error.exit_code for error in self.failed.values()), 0)
