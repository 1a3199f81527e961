"""Who judges in a report: the truth, the oracle, and the judges that the spec names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.words import ORACLE, REFERENCE, SFT, TRUTH

BASELINES = (SFT, REFERENCE)


def judge_columns(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return judge -> its column in `samples.parquet`, for every judge that a plain spec may have."""
    return {TRUTH: "truth.reward", ORACLE: ORACLE, **{name: name for name in spec.get("judges") or {}}}


def judgements(spec: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (judge, against) in the order of a table: judges that taught nobody stand before the oracle."""
    names = [*(spec.get("judges") or {}), ORACLE, TRUTH]
    return [(judge, against) for judge in names for against in BASELINES]
