"""Did you mean …? One function, used for spec keys, plug-ins, recipes and cards."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice a user most likely meant by `word`, or None where nothing is near."""
    lowered = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(str(word).lower(), lowered, n=1, cutoff=0.6)
    return lowered[found[0]] if found else None


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """Return ``did you mean `x`?`` or None."""
    match = closest(word, choices)
    return f"did you mean `{match}`?" if match else None


def family(word: str, choices: Iterable[str]) -> str | None:
    """Return ```x` may mean `x-a`, `x-b`: say which``` where several choices begin with the word, or None."""
    found = [choice for choice in choices if choice.startswith(f"{word}-")]
    return f"`{word}` may mean {', '.join(f'`{choice}`' for choice in found)}: say which" if len(found) > 1 else None
