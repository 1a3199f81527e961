"""An apply while what it was planned from is edited: it makes what was planned, or refuses; the next plan says why."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_apply import SPEC, call, folder

from drdoctl.cli import _live
from drdoctl.engine import launch
from drdoctl.store.run import Run

__all__ = ["call", "folder"]  # fixtures


def planned(call, *argv):
    """Return the plan's stages by id."""
    code, out, err = call("plan", "toy.yaml", "--json", *argv)
    assert code == 0, err
    return {stage["id"]: stage for stage in json.loads(out)["stages"]}


@pytest.mark.parametrize("when", ["stage_started", "stage_finished"])
def test_a_spec_edited_while_it_is_applied(call, monkeypatch, when):
    """Written anew in the middle of an apply, the spec has no part in it: the next plan shows the difference."""
    before, shown = planned(call), _live.Live.__call__

    def edit(self, event, fields):
        shown(self, event, fields)
        if event == when and fields["id"] == "sft":
            Path("toy.yaml").write_text(SPEC.replace("beta: 0.1", "beta: 0.4").replace("name: toy", "name: other"))

    monkeypatch.setattr(_live.Live, "__call__", edit)
    code, _, err = call("apply", "toy.yaml", "-y")
    assert code == 0, err
    assert sorted(path.name for path in Path(".drdoctl/artifacts").iterdir()) == sorted(
        stage["artifact"] for stage in before.values()
    )
    manifest = json.loads(Path(".drdoctl/artifacts", before["align[dpo]"]["artifact"], "manifest.json").read_text())
    assert (manifest["settings"]["method.beta"], manifest["spec_name"]) == (0.1, "toy")
    (journal,) = Path(".drdoctl/runs").iterdir()
    events = [json.loads(line) for line in (journal / "events.jsonl").read_text().splitlines()]
    assert {stage["artifact"] for event in events if event["event"] == "plan" for stage in event["stages"]} == {
        stage["artifact"] for stage in before.values()
    }
    Path("toy.yaml").write_text(Path("toy.yaml").read_text().replace("name: other", "name: toy"))
    after = planned(call)
    assert {name for name, stage in after.items() if stage["action"] != "reuse"} == {"align[dpo]"}
    assert after["align[dpo]"]["reason"]["changed"] == [{"key": "method.beta", "old": 0.1, "new": 0.4}]


def test_a_spec_that_is_gone_or_broken_while_it_is_applied(call, monkeypatch):
    """The same for a spec that is half written or deleted when the apply is in the middle of it."""
    shown = _live.Live.__call__

    def edit(self, event, fields):
        shown(self, event, fields)
        if event == "stage_finished":
            Path("toy.yaml").unlink(missing_ok=True)
            if fields["id"] == "data":
                Path("toy.yaml").write_text("version: 1\nname: [")

    monkeypatch.setattr(_live.Live, "__call__", edit)
    assert call("apply", "toy.yaml", "-y")[0] == 0
    assert len(list(Path(".drdoctl/artifacts").iterdir())) == 4


def test_data_edited_between_plan_and_stage(call, monkeypatch):
    """Rows that changed after they were planned are refused with 6 and leave no artifact; the next apply takes them."""
    before, start = planned(call), Run.start
    text = Path("pairs.jsonl").read_text()

    def late(*args, **more):
        Path("pairs.jsonl").write_text(text.replace('"a 3"', '"a 9 a"'))
        return start(*args, **more)

    monkeypatch.setattr(Run, "start", late)
    monkeypatch.setattr(launch, "WORKER", "drdoctl.engine.worker")
    code, _, err = call("apply", "toy.yaml", "-y")
    assert code == 6
    assert "error[stale-plan]: `data.source`" in err
    assert "no longer holds what it held when this was planned" in err
    assert not [path for path in Path(".drdoctl/artifacts").iterdir() if not path.name.endswith(".partial")]
    monkeypatch.setattr(Run, "start", start)
    monkeypatch.setattr(launch, "WORKER", "fake_stages")
    assert call("apply", "toy.yaml", "-y")[0] == 0
    after = planned(call)
    assert after["data"]["action"] == "reuse"
    assert after["data"]["artifact"] != before["data"]["artifact"]
