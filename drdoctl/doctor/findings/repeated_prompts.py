"""Few prompts stand behind many pairs: the pairs are fewer than they look."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("data",)
PAIRS = 3.0
"""Pairs for each prompt on average, from which it is told; most corpora have one or two."""


def look(case: Case) -> Iterator[Finding]:
    """Yield a note."""
    part = case.document("report.json").get("parts", {}).get("train", {})
    rows, prompts = part.get("rows") or 0, part.get("prompts") or 0
    if not prompts or rows / prompts < PAIRS:
        return
    said = f"{rows:,} training pairs have {prompts:,} prompts, {rows / prompts:.1f} pairs each"
    advice = "count prompts, not pairs, when you judge how much data there is; responses that come again teach again"
    yield Finding("note", said, advice, (case.seen("report.json", {"rows": rows, "prompts": prompts}),))
