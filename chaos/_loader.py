"""What the fuzzer is let loose on, one reader of files at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Loader:
    """One reader of files: sound inputs, and what reads a wild one. It may raise the project's own errors only."""

    name: str
    seeds: list[bytes]
    read: Callable[[bytes], object]
    mend: Callable[[bytes], bytes] | None = None
    """Makes a changed input pass the first check again (a digest), so that what comes after is reached too."""
