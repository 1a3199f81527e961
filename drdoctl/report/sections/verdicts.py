"""What language models say of the students."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.report.headline import headline
from drdoctl.report.markup import note, table
from drdoctl.report.verdicts import verdicts_table

TITLE = "Language models as judges"
PLACE = 25
SAID = (
    "Every pair was shown in both orders. A win needs both; where they differ, or both call it a tie, it is a tie, "
    "which is half a win to the rate. A judge whose orders often differ, or that prefers what it is shown first much "
    "more or less often than half of the time, says little. Prompts with an answer that has no verdict are left out of "
    "the rates; all answers are in `judgements.parquet`."
)


def html(report: Mapping[str, Any]) -> str:
    """Return the section; "" where no language model was asked."""
    found = verdicts_table(headline(report))
    return table(found) + note(SAID) if found.rows else ""
