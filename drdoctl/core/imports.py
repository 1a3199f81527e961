"""Importing large libraries."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Iterable


def import_all(names: Iterable[str]) -> None:
    """Import modules with the garbage collector off, and leave what they made out of its later rounds.

    Torch and transformers make a million objects and hardly any garbage: looking through them again and again takes a
    fifth of their import's time.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        for name in names:
            importlib.import_module(name)
    finally:
        gc.freeze()
        if collecting:
            gc.enable()
