"""Sections of the page: the folder is the registry. To add one, write `sections/NAME.py` and its test.

A section is a module with `TITLE`, `PLACE` (sections stand in its order) and `html(report)`, which returns markup from
the report's data, or "" where there is nothing to show: such a section is left out. What comes from data goes through
`markup.text`, and every number that is shown is in the report's JSON.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from types import ModuleType


@cache
def sections() -> tuple[ModuleType, ...]:
    """Return the sections in the order of the page."""
    names = [info.name for info in pkgutil.iter_modules(__path__) if not info.name.startswith("_")]
    found = [importlib.import_module(f"{__name__}.{name}") for name in names]
    return tuple(sorted(found, key=lambda module: (module.PLACE, module.__name__)))
