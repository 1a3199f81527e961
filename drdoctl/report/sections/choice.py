"""What `select` picked: every setting with the validation figure that chose among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.choice import choice_table
from drdoctl.report.markup import note, table

TITLE = "Choice"
PLACE = 15


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where nothing is chosen."""
    made = table(choice_table(report))
    said = "Chosen on validation prompts and pairs alone; every other number of this page is about the others."
    return made + note(said) if made else ""
