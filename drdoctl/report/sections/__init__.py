"""Sections of the page: the folder is the registry. To add one, write `sections/NAME.py` and its test.

A section is a module with `TITLE`, `PLACE` (sections stand in its order) and `html(report)`, which returns markup from
the report's data, or "" where there is nothing to show: such a section is left out. What comes from data goes through
`markup.text`, and every number that is shown is in the report's JSON.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

from drdoctl.core.parts import modules


@cache
def sections() -> tuple[ModuleType, ...]:
    """Return the sections in the order of the page."""
    return tuple(sorted(modules(__name__), key=lambda module: (module.PLACE, module.__name__)))
