"""What must stand under the tables: what intervals mean, stamps, warnings, and what is not finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.words import TEACHER, listed

ABOUT_INTERVALS = (
    "Intervals are 95 %, by paired bootstrap over prompts: they say nothing of other seeds or other training pairs."
)
ABOUT_SEEDS = (
    "Over seeds: mean ± standard deviation [95 % t-interval of the mean], everything drawn and trained anew for each "
    "seed. Intervals over prompts, within one seed, are in `report --json`."
)
STARRED = "* stamped: read the warnings below before quoting the number"
"""What the star beside a figure means."""
MEANINGS = {TEACHER: "the oracle that judges is the one that taught; its scores favour what it taught"}
"""What a stamp means, where its words do not say it."""


def about_intervals(report: Mapping[str, Any]) -> str:
    """Return what the intervals of the main tables mean."""
    return ABOUT_SEEDS if report.get("over_seeds") else ABOUT_INTERVALS


def about(report: Mapping[str, Any]) -> list[str]:
    """Return what the intervals and, where students are compared, the p-values of the tables mean."""
    if not report["students"]:
        return []
    how = "by a paired t-test over seeds" if report.get("over_seeds") else "adjusted for all pairs of a judge (Holm)"
    compared = [f"p between students is that of the mean difference, {how}."] if report["differences"] else []
    return [about_intervals(report), *compared]


def notes(report: Mapping[str, Any]) -> list[str]:
    """Return what must stand under the tables: what intervals mean, and what is to be known before quoting a number."""
    return [*about(report), *cautions(report)]


def cautions(report: Mapping[str, Any]) -> list[str]:
    """Return what is to be known before quoting a number: every stamp and warning, what is missing."""
    found = []
    stamped = any(row["warnings"] for student in report["students"] for row in student["figures"])
    if stamped:
        found.append(STARRED)
    for text in report["warnings"]:
        if any(other.startswith(f"{text}:") for other in report["warnings"]):
            continue  # the same, said with more words
        found.append(f"warning: {text}" + (f" ({MEANINGS[text]})" if text in MEANINGS else ""))
    missing = report["missing"]
    if missing:
        names = listed([f"`{stage}`" for stage in missing])
        verb, they = ("are", "them") if len(missing) > 1 else ("is", "it")
        found.append(f"missing: {names} {verb} not finished; what rests on {they} is left out")
    return found
