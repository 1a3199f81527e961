"""A reward model's quality on scored pairs, as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SUBSETS = 20
"""Subsets that are listed; `--json` has them all."""


def lines(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield what `drdoctl score` says of pairs: accuracy first, then calibration, length, and subsets."""
    whole = {figure["metric"]: figure for figure in summary["figures"] if "group" not in figure}
    share, margin = _share(whole["accuracy"]), summary["mean_margin"]
    yield f"{summary['pairs']:,} pairs: `chosen` preferred in {share}, mean margin {margin:.4g}"
    error, loss, brier = (whole[name]["value"] for name in ("calibration_error", "log_loss", "brier"))
    yield f"calibration: error {error:.1%}, log-loss {loss:.3f} (0.693 by guessing), Brier {brier:.3f}"
    told = [f"the longer response is `chosen` in {whole['length_accuracy']['value']:.1%}"]
    if "length_correlation" in whole:
        told.append(f"margins follow the difference in tokens with r = {whole['length_correlation']['value']:.2f}")
    if "accuracy_like_length" in whole:
        like = whole["accuracy_like_length"]
        told.append(f"{_share(like)} right among {like['count']:,} of like length")
    yield f"length: {'; '.join(told)}"
    yield from _subsets(summary, whole)


def _subsets(summary: Mapping[str, Any], whole: Mapping[str, Any]) -> Iterator[str]:
    found = [each for each in summary["figures"] if str(each.get("group", "")).startswith("subset ")]
    if not found:
        return
    width = max(len(each["group"]) for each in found[:SUBSETS])
    for each in found[:SUBSETS]:
        yield f"{each['group']:<{width}}  {_share(each)} of {each['count']:,}"
    if len(found) > SUBSETS:
        yield f"and {len(found) - SUBSETS} subsets more: `--json` has them all"
    yield f"mean over {len(found)} subsets: {whole['accuracy_over_subsets']['value']:.1%}"


def _share(figure: Mapping[str, Any]) -> str:
    text = f"{figure['value']:.1%}"
    return text if figure["low"] is None else f"{text} [{figure['low']:.1%}, {figure['high']:.1%}]"
