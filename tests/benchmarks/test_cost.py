"""Plans against what was paid: the table's arithmetic, and cases that can be planned."""

from __future__ import annotations

import pytest

from benchmarks.cost import BEGIN, END, errors, placed, rates, table
from benchmarks.cost_world import CASES, make


def record(case, *, calibrates=False, seconds=10.0, cpu=8.0, peak=1.0, planned=1.0, expected=None, round_=0):
    """Return a stage's record."""
    estimate = {"memory_gib": planned, "seconds": expected, "basis": "earlier" if expected else "assumed"}
    return {
        "case": case, "calibrates": calibrates, "round": round_, "stage": "sft", "kind": "sft", "processes": 2,
        "estimate": estimate, "seconds": seconds, "peak_gib": peak, "cpu_seconds": cpu, "nominal_seconds": 2.0,
    }  # fmt: skip


def test_the_calibrating_cases_alone_tell_the_rate():
    """Processor seconds of one process for each nominal second; other cases count for nothing."""
    found = rates([record("a", calibrates=True, cpu=8.0), record("b", cpu=800.0)])
    assert found == {("sft", 2): 2.0}


def test_rounds_give_medians():
    """Several rounds of a stage are one row with their medians, and calibrating cases expect nothing of themselves."""
    rows = errors(
        [
            record("a", calibrates=True, expected=5.0),
            *(record("b", seconds=seconds, expected=12.0, round_=at) for at, seconds in enumerate((8.0, 10.0, 90.0))),
        ]
    )
    assert [row["seconds"] for row in rows] == [(None, 10.0), (12.0, 10.0)]
    assert rows[1]["busy"] == (4.0, 4.0)


def test_misses_are_bold_and_counted():
    """An error beyond its limit is set in bold, and the lines below say how many are within."""
    text = table([record("a", calibrates=True), record("b", peak=2.0), record("c", expected=12.0)])
    assert "| 1.00, 2.00 | **-50 %** |" in text
    assert "| 12.0, 10.0 | +20 % |" in text
    assert "- memory: 2 of 3 stages within 15 %, the worst -50 %" in text
    assert placed(f"x{BEGIN}old{END}y", "new\n") == f"x{BEGIN}\nnew\n{END}y"


def test_whole_pipelines_are_counted():
    """A case counts with the sum of its stages, where each was planned from earlier ones."""
    other = {**record("b", seconds=30.0, expected=30.0), "stage": "align"}
    text = table([record("a", calibrates=True), record("b", expected=20.0), other, record("c")])
    assert "- seconds of whole pipelines: 1 of 1 cases within 25 %, the worst +25 %" in text


@pytest.mark.slow
def test_every_case_can_be_planned(tmp_path):
    """Each case is a spec without faults whose plan has memory and seconds for each stage with a model."""
    from drdoctl.plan.compile import compile as wanted
    from drdoctl.plan.diff import diff
    from drdoctl.spec.facts import Facts
    from drdoctl.spec.load import load
    from drdoctl.store.artifact import Store

    spec = make(tmp_path, 3)
    assert len(CASES) >= 12
    for case in CASES:
        loaded = load(spec, tuple(case.sets()[1::2]))
        plan = diff(
            wanted(loaded.spec, Facts(loaded.base, tmp_path / "store", None)), Store(tmp_path / "store"), loaded
        )
        sized = [stage.estimate for stage in plan.stages if stage.want.kind != "data"]
        assert all(one.memory_gib > 0.4 and one.seconds is not None for one in sized)
