"""Many rows of the source are not among the training pairs."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("data",)
MANY = 0.2
"""Share of the rows read; below it, what is left is still the data that was named."""
ASKED_FOR = ("split", "max-rows", "in-eval")
"""Reasons that the spec asked for, or that keep evaluation honest."""
REMEDIES = {
    "long-prompt": "raise `data.max_prompt_tokens`",
    "long-pair": "raise `data.max_tokens`",
    "identical": "look at the source: pairs of equal responses teach nothing",
}


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning with the reasons, the most frequent first."""
    part = case.document("report.json").get("parts", {}).get("train", {})
    read, dropped = part.get("read") or 0, part.get("dropped") or {}
    own = {code: count for code, count in dropped.items() if code not in ASKED_FOR and count}
    own = {code: count for code, count in own.items() if code not in _steps(case)}
    if not read or sum(own.values()) < MANY * read:
        return
    counts = ", ".join(f"{count:,} {code}" for code, count in sorted(own.items(), key=lambda item: -item[1]))
    said = f"{100 * sum(own.values()) / read:.0f} % of the {read:,} rows read are left out: {counts}"
    worst = max(own, key=lambda code: own[code]).removesuffix("-oracle")
    advice = REMEDIES.get(worst, "look at the first of them in the data report's `examples`")
    yield Finding("warning", said, advice, (case.seen("report.json", {"read": read, **own}),))


def _steps(case: Case) -> set[str]:
    """Return the names of the split's steps, under which their own rows are counted."""
    return {str(step.get("name")) for step in case.settings.get("data.split") or () if isinstance(step, dict)}
