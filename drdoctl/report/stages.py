"""One stage of the report: what it rests on, and what it took against what the plan expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from drdoctl.core.parts import Model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from drdoctl.plan.types import Estimate, PlannedStage
    from drdoctl.store.artifact import Store

HOUR = 3600
ASSUMED = "assumed"


class StageRow(Model):
    """One stage of the plan and what it took."""

    id: str
    """Such as `align[drdo]`."""
    kind: str
    """Such as `align`."""
    artifact: str
    """Folder in the store."""
    fingerprint: str
    """sha256 over all that can change the result."""
    done: bool
    """Whether the artifact is there."""
    inputs: dict[str, str]
    """Role -> stage id."""
    externals: dict[str, str]
    """What lies outside the store -> hash of its content."""
    settings: dict[str, Any]
    """The slice of the spec that the stage reads."""
    warnings: list[str]
    """What is allowed but doubtful."""
    seconds: float | None
    """Wall-clock seconds, all attempts together."""
    estimated_seconds: float | None
    """What the plan expected, where it could."""
    assumed: bool
    """Whether it could only assume how fast this machine is: no earlier stage told."""
    peak_gib: float | None
    """Memory that one process held at its peak, GiB: of its GPU where it had one; the largest of all processes."""
    estimated_gib: float | None
    """What the plan expected."""
    cost: float | None
    """Money that the seconds cost, with `resources.price_per_hour`."""
    created: str | None
    """When it was finished (UTC)."""
    size: int
    """Bytes of its files."""
    packages: dict[str, str]
    """Versions of what it was made with."""
    host: dict[str, Any]
    """The machine."""


class TotalRow(Model):
    """What the finished stages took together, against what the plan expected."""

    seconds: float
    """Wall-clock seconds, one stage after the other."""
    estimated_seconds: float | None
    """What the plan expected; null where it expected nothing of some stage."""
    assumed: bool
    """Whether a part of that rests on an assumed speed."""
    peak_gib: float | None
    """Memory of the largest process."""
    estimated_gib: float | None
    """What the plan expected of it."""
    cost: float | None
    """Money; null without `resources.price_per_hour`."""
    size: int
    """Bytes of all artifacts."""


def stage_row(store: Store, stage: PlannedStage, price: float | None) -> StageRow:
    """Return a stage's row. `price`: of the machine for an hour."""
    want, estimate, manifest = stage.want, stage.estimate, store.manifest(stage.want.artifact)
    found = manifest or {}
    metrics, seconds = found.get("metrics", {}), found.get("seconds")
    expected, basis = _expected(metrics, estimate)
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
        estimated_seconds=expected,
        assumed=expected is not None and basis == ASSUMED,
        peak_gib=metrics.get("device_peak_gib", metrics.get("peak_gib")),
        estimated_gib=metrics.get("expected_gib", estimate.memory_gib) or None,
        cost=None if price is None or seconds is None else round(price * seconds / HOUR, 4),
        created=found.get("created"),
        size=sum(fact["size"] for fact in found.get("files", {}).values()),
        packages=found.get("packages", {}),
        host=found.get("host", {}),
    )


def total(rows: Iterable[StageRow]) -> TotalRow:
    """Return what finished stages took together."""
    done = [row for row in rows if row.done]
    expected = [row.estimated_seconds for row in done]
    return TotalRow(
        seconds=sum(row.seconds or 0.0 for row in done),
        estimated_seconds=None if None in expected else sum(value or 0.0 for value in expected),
        assumed=any(row.assumed for row in done),
        peak_gib=max((row.peak_gib for row in done if row.peak_gib is not None), default=None),
        estimated_gib=max((row.estimated_gib for row in done if row.estimated_gib is not None), default=None),
        cost=sum(row.cost or 0.0 for row in done) if any(row.cost is not None for row in done) else None,
        size=sum(row.size for row in done),
    )


def _expected(metrics: Mapping[str, Any], estimate: Estimate) -> tuple[float | None, str | None]:
    """Return the seconds that the plan that made an artifact expected of it, and by what; of others, this plan's.

    A plan made afterwards knows the result, so it says nothing where the one before left nothing.
    """
    told = metrics.get("expected_seconds")
    if isinstance(told, int | float):
        return float(told), metrics.get("expected_by")
    return (None, None) if "nominal_seconds" in metrics else (estimate.seconds, estimate.basis)
