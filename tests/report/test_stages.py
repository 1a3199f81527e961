"""A stage's row: what it took against what its own plan expected."""

from __future__ import annotations

from types import SimpleNamespace

from drdoctl.plan.types import Estimate, PlannedStage, Reason
from drdoctl.report.stages import stage_row
from drdoctl.stages import Want

WANT = Want("align", 1, {}, label="dpo")


def row(metrics, estimate, price=None):
    """Return the row of a finished stage that took 1,800 seconds."""
    manifest = {"seconds": 1800.0, "metrics": metrics, "files": {}}
    store = SimpleNamespace(manifest=lambda _: manifest)
    return stage_row(store, PlannedStage(WANT, "reuse", Reason("done", "done"), estimate), price)


def test_the_expectation_is_the_plans_that_made_it():
    """What the artifact's own plan expected stands, not what a plan that knows the result says now."""
    found = row(
        {"expected_seconds": 1500.0, "expected_gib": 2.0, "peak_gib": 2.2}, Estimate(seconds=1800.0, memory_gib=3)
    )
    assert (found.estimated_seconds, found.estimated_gib, found.peak_gib) == (1500.0, 2.0, 2.2)


def test_an_assumed_speed_is_an_expectation_and_says_so():
    """Seconds that rest on an assumption are held against the clock too, and marked; of nothing known, nothing."""
    found = row({"expected_seconds": 9.0, "expected_by": "assumed"}, Estimate())
    assert (found.estimated_seconds, found.assumed) == (9.0, True)
    found = row({}, Estimate(seconds=10.0, basis="assumed"))
    assert (found.estimated_seconds, found.assumed, found.cost) == (10.0, True, None)
    assert not row({}, Estimate(seconds=10.0, basis="earlier")).assumed
    found = row({"nominal_seconds": 9.0}, Estimate(seconds=10.0, basis="earlier"))
    assert (found.estimated_seconds, found.assumed) == (None, False)


def test_a_gpus_memory_and_money():
    """Where a GPU was used its memory is shown; money is the hours at the price."""
    found = row({"peak_gib": 5.0, "device_peak_gib": 40.0}, Estimate(), price=3.0)
    assert (found.peak_gib, found.cost) == (40.0, 1.5)
