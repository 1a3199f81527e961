"""One stage of the report: what it rests on, and what it took against what the plan expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.report.model import StageRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from drdoctl.plan.types import Estimate, PlannedStage
    from drdoctl.store.artifact import Store

HOUR = 3600


def stage_row(store: Store, stage: PlannedStage, price: float | None) -> StageRow:
    """Return a stage's row. `price`: of the machine for an hour."""
    want, estimate, manifest = stage.want, stage.estimate, store.manifest(stage.want.artifact)
    found = manifest or {}
    metrics, seconds = found.get("metrics", {}), found.get("seconds")
    return StageRow(
        id=want.id,
        kind=want.kind,
        artifact=want.artifact,
        fingerprint=want.fingerprint,
        done=manifest is not None,
        inputs={role: other.id for role, other in want.inputs.items()},
        externals=dict(want.externals),
        settings=dict(want.settings),
        warnings=list(want.warnings),
        seconds=seconds,
        estimated_seconds=_expected_seconds(metrics, estimate),
        peak_gib=metrics.get("device_peak_gib", metrics.get("peak_gib")),
        estimated_gib=metrics.get("expected_gib", estimate.memory_gib) or None,
        cost=None if price is None or seconds is None else round(price * seconds / HOUR, 4),
        created=found.get("created"),
        size=sum(fact["size"] for fact in found.get("files", {}).values()),
        packages=found.get("packages", {}),
        host=found.get("host", {}),
    )


def _expected_seconds(metrics: Mapping[str, Any], estimate: Estimate) -> float | None:
    """Return what the plan that made an artifact expected of it; for others, what this plan expects.

    A plan made afterwards knows the result, so it says nothing where the one before only assumed a speed.
    """
    told = metrics.get("expected_seconds")
    if isinstance(told, int | float):
        return float(told)
    return None if estimate.basis == "assumed" or "nominal_seconds" in metrics else estimate.seconds
