"""How many tokens a `tokenizer.json` has, from its text alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def vocabulary_size(tokenizer_json: str, *, added: bool = True) -> int | None:
    """Return how many tokens a `tokenizer.json` has, or None where it does not say. `added`: with its added ones."""
    try:
        document = json.loads(tokenizer_json)
        more = [entry["id"] for entry in document.get("added_tokens") or () if added]
        ids = [*more, *_ids(document["model"]["vocab"])]
        return int(max(ids)) + 1
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def words_of(file: Path) -> int | None:
    """Return how many tokens a `tokenizer.json` has, added ones left out; None where it does not say."""
    try:
        return vocabulary_size(file.read_text(encoding="utf-8"), added=False)
    except (OSError, ValueError):
        return None


def _ids(vocabulary: Any) -> list[int]:
    return list(vocabulary.values()) if isinstance(vocabulary, dict) else list(range(len(vocabulary)))
