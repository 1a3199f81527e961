"""The oracle knows the pairs it was trained on far better than others: its rewards of them are remembered labels."""

from __future__ import annotations

import math
from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding
from drdoctl.doctor.findings._oracle import named, rows_of

KINDS = ("rewards",)
GAP = 0.1
"""Accuracy on the training pairs over that on held-out pairs; one pass over the data gives 0.01."""
SURE = 3.0
"""And standard errors of that difference."""
SHIFT = 0.05
"""Relative change of the mean confidence by the steps of a split: sure pairs are easier to order than held-out ones."""


def _unlike(data: Case) -> bool:
    """Whether the training pairs were chosen or labelled so that an oracle is expected to know them better."""
    if "rewards" in data.inputs:  # a step went by the oracle's own rewards
        return True
    steps = (data.document("report.json").get("statistics") or {}).get("train") or [{}]
    first, last = (row.get("mean_confidence") for row in (steps[0], steps[-1]))
    return first is not None and last is not None and abs(last - first) > SHIFT * abs(first)


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning for each oracle; none where its training pairs are of another kind than the held-out ones."""
    stats, data = case.document("stats.json"), case.inputs.get("data")
    rows = {part: rows_of(data, part) for part in ("train", "eval")}
    if data is None or not all(rows.values()) or _unlike(data):
        return
    for member, (known, held) in enumerate(zip(stats.get("train", ()), stats.get("eval", ()), strict=False)):
        accuracies = {"train": known["accuracy"], "eval": held["accuracy"]}
        error = math.sqrt(sum(value * (1 - value) / rows[part] for part, value in accuracies.items()))
        gap = accuracies["train"] - accuracies["eval"]
        if gap <= max(GAP, SURE * error):
            continue
        who = named(member, len(stats["train"]))
        said = (
            f"{who} is overfitted: {100 * accuracies['train']:.1f} % of the training pairs in the labels' order, "
            f"{100 * accuracies['eval']:.1f} % of the held-out ones"
        )
        advice = (
            "give it fewer `epochs` or a lower `oracle.learning_rate`, or teach with an oracle trained on other pairs"
        )
        evidence = case.seen(
            "stats.json", {"train_accuracy": known["accuracy"], "eval_accuracy": held["accuracy"], **rows}
        )
        yield Finding("warning", said, advice, (evidence,))
