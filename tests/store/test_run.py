import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from drdoctl.core.errors import StageFailed
from drdoctl.store import run as run_module
from drdoctl.store.artifact import Store
from drdoctl.store.run import EVENTS_FILE, Run, read_events, run_folders
from drdoctl.store.status import status


@pytest.fixture
def store(tmp_path):
    """Return a prepared store."""
    made = Store(tmp_path / "store")
    made.prepare()
    return made


def test_a_journal_is_the_lines_that_were_echoed(store):
    """What `apply --json` prints is what the journal holds, from the first event to the last."""
    lines = []
    run = Run.start(store, "toy", ["apply", "toy.yaml"], lines.append)
    run.emit("stage_checkpoint", id="sft", artifact="sft-1", step=4)
    run.finish(0)
    assert (run.folder / EVENTS_FILE).read_text().splitlines() == lines
    events = list(read_events(run.folder))
    assert [event["event"] for event in events] == ["run_started", "stage_checkpoint", "run_finished"]
    assert (events[0]["run"], events[0]["command"], events[-1]["exit_code"]) == (run.id, ["apply", "toy.yaml"], 0)


def test_a_torn_line_and_foreign_lines_are_passed_over(store):
    """A crash in mid-line, or junk, costs that line only."""
    run = Run.start(store, "toy")
    run.emit("warning", message="one")
    with (run.folder / EVENTS_FILE).open("ab") as file:
        file.write(b'[1]\n{"format": 1, "event": "nonsense"}\n\xff\xfe\n{"format": 1, "event": "war')
    assert [event["event"] for event in read_events(run.folder)] == ["run_started", "warning"]


def test_run_names_sort_by_time_and_differ(store):
    """Runs started one after another sort in that order and never share a folder."""
    runs = [Run.start(store, "toy") for _ in range(20)]
    assert len({run.id for run in runs}) == 20
    stamps = [run.id.split("-")[0] for run in runs]
    assert stamps == sorted(stamps)
    assert len(run_folders(store)) == 20


@pytest.mark.parametrize("hours", [[0, -1, -2, 5, 4], [0, 0, 0, 0], [9e5, 0, 1, 2], [-4e5, 0, -4e5, -3e5]])
def test_runs_keep_their_order_when_the_clock_is_set_back(store, monkeypatch, hours):
    """Whatever the clock says, a later run sorts later, is the last one, and status tells of it."""
    started = []
    for number, hour in enumerate(hours):
        moment = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
        clock = SimpleNamespace(now=lambda _, moment=moment: moment, strptime=datetime.strptime)
        monkeypatch.setattr(run_module, "datetime", clock)
        run = Run.start(store, f"spec-{number}")
        run.emit("plan", stages=[], summary={})
        run.finish(0)
        started.append(run.id)
    assert [folder.name for folder in run_folders(store)] == started
    assert status(store)["run"]["spec"] == f"spec-{len(hours) - 1}"


def test_an_event_must_have_its_fields(store):
    """An event with a missing or unknown field is refused where it is written, not found by a reader later."""
    run = Run.start(store, "toy")
    with pytest.raises(TypeError, match="stage_checkpoint"):
        run.emit("stage_checkpoint", id="sft")
    with pytest.raises(TypeError):
        run.emit("warning", message="x", more=1)
    assert json.loads((run.folder / EVENTS_FILE).read_text())["event"] == "run_started"


def test_a_full_disk_does_not_keep_a_run_from_its_end(store, monkeypatch):
    """Where the journal's last line finds no room, the apply ends with its own code; other events say what is wrong."""
    run = Run.start(store, "toy")
    monkeypatch.setattr(run, "_file", Path("/dev/full").open("w"))  # noqa: SIM115  # `finish` closes it
    with pytest.raises(StageFailed, match="No space left on device"):
        run.emit("warning", message="x")
    run.finish(1)
    assert [event["event"] for event in read_events(run.folder)] == ["run_started"]
