"""What a report says of the reward models themselves: each one's quality on labelled pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.core.files import read_json
from drdoctl.evals import OF
from drdoctl.report.model import OracleRow
from drdoctl.report.rows import FigureRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drdoctl.plan.types import PlannedStage
    from drdoctl.store.artifact import Store

SHOWN = (
    ("pairs right, %", "accuracy", 100, 1),
    ("of like length, %", "accuracy_like_length", 100, 1),
    ("longer right, %", "length_accuracy", 100, 1),
    ("follows length, r", "length_correlation", 1, 2),
    ("calibration error, %", "calibration_error", 100, 1),
    ("log-loss", "log_loss", 1, 3),
)
"""Column, metric, factor, digits. `longer right`: what a judge that counts tokens would score."""


def is_about_oracle(stage: PlannedStage) -> bool:
    """Whether an evaluate stage is about a reward model."""
    return OF in stage.want.settings


def oracle_rows(store: Store, stages: Iterable[PlannedStage]) -> list[OracleRow]:
    """Return the quality of each reward model that was measured."""
    found = []
    for stage in stages:
        document = read_json(store.path(stage.want.artifact) / "figures.json") or {}
        figures = [FigureRow(**figure) for figure in document.get("figures", ())]
        found.append(OracleRow(label=stage.want.label, stage=stage.want.id, figures=figures))
    return found


def cells(oracle: Mapping[str, Any], test_set: str | None) -> list[tuple[Mapping[str, Any] | None, float, int]]:
    """Return (figure or None, factor, digits) of each column for one reward model on one set of pairs."""
    whole = {
        figure["metric"]: figure
        for figure in oracle["figures"]
        if figure["group"] is None and figure["test_set"] == test_set
    }
    return [(whole.get(metric), scale, digits) for _, metric, scale, digits in SHOWN]


def test_sets(oracle: Mapping[str, Any]) -> list[str | None]:
    """Return the sets of pairs that a reward model was tried on."""
    return list(dict.fromkeys(figure["test_set"] for figure in oracle["figures"]))
