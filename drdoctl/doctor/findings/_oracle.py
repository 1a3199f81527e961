"""What is known of an oracle on pairs: from the rewards of all pairs, or from an evaluation that it judged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from drdoctl.doctor.case import Case, Evidence


@dataclass(frozen=True)
class Quality:
    """One oracle on the held-out pairs."""

    who: str
    """`the oracle`, or `member 1`."""
    accuracy: float
    rows: int
    by_length: float | None
    """The accuracy of the better of `longer` and `shorter`: what a judge that only counts tokens would have."""
    length_correlation: float | None
    evidence: Evidence

    @property
    def error(self) -> float:
        """Return the standard error of the accuracy."""
        return math.sqrt(max(self.accuracy * (1 - self.accuracy), 1e-12) / self.rows)


def rows_of(data: Case | None, part: str) -> int:
    """Return how many rows a part of the data has; 0 where it is not known."""
    if data is None:
        return 0
    return int(data.document("report.json").get("parts", {}).get(part, {}).get("rows") or 0)


def named(member: int, members: int) -> str:
    """Return how a member is called in a sentence."""
    return "the oracle" if members == 1 else f"member {member}"


def qualities(case: Case) -> Iterator[Quality]:
    """Yield what `rewards` or a start model's `evaluate` tells of its oracles, each oracle only once in a store."""
    if case.kind == "rewards":
        yield from _rewards(case)
    elif "baseline" not in case.inputs and not _rewarded(case.inputs.get("oracle")):
        yield from _judge(case)


def _rewarded(oracle: Case | None) -> bool:
    return oracle is not None and any(reader.kind == "rewards" for _, reader in oracle.readers)


def _rewards(case: Case) -> Iterator[Quality]:
    rows, found = rows_of(case.inputs.get("data"), "eval"), case.document("stats.json").get("eval", [])
    for member, stats in enumerate(found):
        if not rows:
            continue
        longer = stats.get("length_accuracy")
        yield Quality(
            named(member, len(found)),
            stats["accuracy"],
            rows,
            max(longer, 1 - longer) if longer is not None else None,
            stats["length_correlation"],
            case.seen("stats.json", {"part": "eval", "rows": rows, **stats}),
        )


def _judge(case: Case) -> Iterator[Quality]:
    accuracy, longer = case.figure("oracle_accuracy"), case.figure("length_accuracy")
    related = case.figure("oracle_length_correlation")
    if accuracy is None or not accuracy["count"]:
        return
    values = {one["metric"]: one["value"] for one in (accuracy, longer, related) if one is not None}
    yield Quality(
        "the oracle",
        accuracy["value"],
        accuracy["count"],
        max(longer["value"], 1 - longer["value"]) if longer is not None else None,
        related["value"] if related is not None else None,
        case.seen("figures.json", {"rows": accuracy["count"], **values}),
    )
