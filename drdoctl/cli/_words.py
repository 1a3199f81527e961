"""Times, counts and places as people read them, and what strangers wrote, harmless to a terminal."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""Characters that terminals obey, but for tab and line break."""


def duration(seconds: float) -> str:
    """Return `0.4 s`, `41 s`, `12 min`, `3 h 20 min` or `2 days`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes // (24 * 60)} days"


def ago(moment: str, now: datetime | None = None) -> str:
    """Return how long ago an ISO time was: `just now`, `12 min ago`. A time to come is `just now` too.

    A text that is no time, such as a card from elsewhere may have, is `some time ago`.
    """
    try:
        seconds = ((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds()
    except (ValueError, TypeError):
        return "some time ago"
    return "just now" if seconds < 10 else f"{duration(seconds)} ago"


def count(step: int, steps: int, unit: str) -> str:
    """Return `step 1,200 of 4,000`, or `step 1,200` where the end is not known."""
    return f"{unit} {step:,} of {steps:,}" if steps else f"{unit} {step:,}"


def place(path: Path) -> str:
    """Return a path as short as it can be typed: relative where it lies below the current folder."""
    try:
        return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
    except OSError:
        return str(path)


def harmless(text: T) -> T | str:
    """Return text without what moves a terminal's cursor or sets its title: strangers wrote the zoo's cards."""
    plain = str(text)
    return CONTROL.sub(_escaped, plain) if CONTROL.search(plain) else text


def cell(text: str) -> str:
    """Return text that stays in its cell of a table."""
    return re.sub(r"[\t\n]", _escaped, str(harmless(text)))


def _escaped(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]
