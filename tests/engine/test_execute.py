import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import IntegrityError, StageFailed, Stopped
from drdoctl.core.progress import AFRESH
from drdoctl.engine.execute import Options, execute
from drdoctl.store.run import Run, read_events
from drdoctl.store.status import status


@pytest.fixture
def apply(store, toy):
    """Return a function that carries out the small plan in this process and keeps the events it saw."""

    def run(view=None, **options):
        journal = Run.start(store, "toy")
        seen = []

        def look(event, fields):
            seen.append((event, dict(fields)))
            if view:
                view(event, fields)

        resources = {**toy.RESOURCES, **options.pop("resources", {})}
        try:
            outcome = execute(
                toy.chain(), store, journal, look, Options(resources, "toy", ("apply", "toy.yaml"), **options)
            )
        finally:
            journal.finish(0)
        return outcome, seen

    return run


def results(store):
    """Return every artifact's result, by name."""
    return {path.name: (path / "result.txt").read_bytes() for path in sorted(store.artifacts.iterdir())}


def test_all_stages_run_once_and_then_never_again(store, apply):
    """A plan carried out leaves one artifact a stage; carried out again, no child starts."""
    outcome, seen = apply()
    assert outcome.exit_code == 0
    assert list(outcome.done) == ["data", "sft", "align[drdo]", "logps"]
    assert all(store.manifest(path.name)["metrics"]["loss"] == pytest.approx(1 / 3) for path in outcome.done.values())
    before = results(store)
    again, seen = apply()
    assert again.done == outcome.done
    assert [event for event, _ in seen] == ["plan"]
    assert results(store) == before


def test_work_files_leave_and_the_log_stays(store, apply):
    """A committed artifact holds its results, its manifest and the log, and nothing of the work."""
    outcome, _ = apply()
    names = {path.name for path in outcome.done["sft"].iterdir()}
    assert names == {"result.txt", "metrics.jsonl", "manifest.json", "log.txt"}
    assert set(store.manifest(outcome.done["sft"].name)["files"]) == {"result.txt", "metrics.jsonl"}


def test_progress_and_checkpoints_are_told_in_order(apply):
    """Each stage starts, steps, checkpoints and finishes, in this order, for the screen and the journal alike."""
    _, seen = apply()
    events = [event for event, fields in seen if fields.get("id") == "sft"]
    assert events[0] == "stage_started"
    assert events[-1] == "stage_finished"
    assert {"stage_progress", "stage_checkpoint"} <= set(events[1:-1])


def test_what_a_child_notes_is_a_warning_once(apply, monkeypatch):
    """A child's note reaches the screen and the journal as a warning that names its stage, however often it is read."""
    monkeypatch.setenv("FAKE_NOTE", "the checkpoint at step 4 is damaged")
    outcome, seen = apply()
    said = [fields["message"] for event, fields in seen if event == "warning"]
    assert said == [f"`{stage}`: the checkpoint at step 4 is damaged" for stage in outcome.done]
    assert "the checkpoint at step 4" in (outcome.done["sft"] / "log.txt").read_text()


@pytest.mark.parametrize(
    ("kind", "code", "words", "exit_code"),
    [
        ("crash", "stage-crashed", "RuntimeError: the numbers went wrong", 1),
        ("user", "empty-row", "row 7 is empty", 2),
        ("memory", "out-of-memory", "out of memory", 1),
        ("kill", "killed", "`sft` was killed by signal 9 (SIGKILL)", 1),
    ],
)
def test_a_failed_stage_says_why_and_the_rest_is_named(store, apply, monkeypatch, kind, code, words, exit_code):
    """A stage that fails gives its own fault and exit code, what rests on it is skipped, and `status` knows why."""
    monkeypatch.setenv("FAKE_FAULT", f"{kind}@2:sft")
    outcome, seen = apply()
    error = outcome.failed["sft"]
    assert (error.faults[0].code, outcome.exit_code) == (code, exit_code)
    assert words in error.faults[0].message
    assert outcome.skipped == {"align[drdo]": ["sft"], "logps": ["sft"]}
    failed = next(fields for event, fields in seen if event == "stage_failed")
    assert "from step 0" in Path(failed["log"]).read_text()
    state = {stage["id"]: stage for stage in status(store)["stages"]}
    assert (state["data"]["state"], state["sft"]["state"], state["logps"]["state"]) == ("done", "failed", "waiting")
    assert words in state["sft"]["faults"][0]["message"]


def test_a_signal_while_a_stage_fails_does_not_hide_the_failure(apply, monkeypatch):
    """Ctrl-C that comes with a failure: the failure is what the apply ends with, and nothing more is begun."""
    monkeypatch.setenv("FAKE_FAULT", "crash@2:sft")
    outcome, seen = apply(lambda event, _: event == "stage_failed" and signal.raise_signal(signal.SIGINT))
    assert outcome.exit_code == 1
    assert list(outcome.failed) == ["sft"]
    assert [fields["id"] for event, fields in seen if event == "stage_started"] == ["data", "sft"]


def test_a_stage_that_has_not_said_how_far_it_is_stops_in_its_own_unit(store, apply, toy, monkeypatch):
    """Asked to stop before its first report, a data stage is said to keep nothing; training counts steps."""
    monkeypatch.setenv("FAKE_LATE", "1")  # so that the signal is heard before any report
    said = []

    def early(event, fields):
        if event == "stage_started":
            signal.raise_signal(signal.SIGINT)
        if event == "stopping":
            said.append(fields["unit"])

    with pytest.raises(Stopped):
        apply(early)
    assert said == [AFRESH]
    want = toy.chain().stages[1].want
    store.open_partial(want)
    (store.partial_path(want.artifact) / "job.json").write_text("{}")
    assert store.partial(want.artifact)["unit"] == "step"


def test_after_a_failure_the_same_plan_goes_on_to_the_same_bytes(store, apply, monkeypatch, toy, tmp_path):
    """Failed, mended and applied again gives the bytes of an undisturbed run, from the step where it failed."""
    monkeypatch.setenv("FAKE_FAULT", "kill@3:align[drdo]")
    apply()
    monkeypatch.delenv("FAKE_FAULT")
    outcome, seen = apply()
    resumed = next(fields for event, fields in seen if event == "stage_resumed")
    assert (resumed["id"], resumed["step"]) == ("align[drdo]", 2)
    assert "from step 2" in (outcome.done["align[drdo]"] / "log.txt").read_text()
    straight = type(store)(tmp_path / "straight")
    straight.prepare()
    execute(toy.chain(), straight, Run.start(straight, "toy"), lambda *_: None, Options(toy.RESOURCES, "toy"))
    assert results(store) == results(straight)


def test_seconds_are_counted_and_not_read_from_file_times(store, apply, monkeypatch):
    """A clock that jumps between two runs of a stage changes nothing; what the first run took is counted."""
    monkeypatch.setenv("FAKE_FAULT", "kill@3:sft")
    monkeypatch.setenv("FAKE_LATE", "0.2")
    apply()
    progress = next(store.artifacts.glob("sft-*.partial")) / "progress.json"
    first = json.loads(progress.read_text())["seconds"]
    os.utime(progress, (time.time() + 3 * 86400,) * 2)
    monkeypatch.delenv("FAKE_FAULT")
    outcome, _ = apply()
    seconds = store.manifest(outcome.done["sft"].name)["seconds"]
    assert 0 < first < seconds < 600


def test_keep_going_runs_what_does_not_rest_on_the_failure(apply, monkeypatch):
    """With keep_going, a stage is skipped only because of a failed stage that it rests on."""
    monkeypatch.setenv("FAKE_FAULT", "crash@1:sft")
    outcome, _ = apply(keep_going=True)
    assert set(outcome.done) == {"data", "logps"}
    assert outcome.skipped == {"align[drdo]": ["sft"]}
    assert outcome.exit_code == 1


@pytest.mark.parametrize(("kind", "known"), [("hang", ""), ("pause", "rank 0 is stopped")])
def test_a_hung_stage_is_ended(store, apply, monkeypatch, kind, known):
    """A stage without progress for `timeout_minutes` is killed, and the error names the step and a stopped process."""
    monkeypatch.setenv("FAKE_FAULT", f"{kind}@2:data")
    outcome, _ = apply(resources={"timeout_minutes": 3 / 60})
    fault = outcome.failed["data"].faults[0]
    assert fault.code == "hung"
    assert "after step 1" in fault.message
    assert known in fault.message
    assert "log.txt" in fault.hint
    log = next(store.root.rglob("log.txt")).read_text()
    assert ("most recent call first" in log) == (kind == "hang"), "a stopped process cannot say where it is"


def test_a_damaged_input_is_refused_before_use(store, apply, monkeypatch):
    """A flipped byte in an artifact that a stage reads is an integrity error naming file and remedy; nothing runs."""
    monkeypatch.setenv("FAKE_FAULT", "crash@1:sft")
    outcome, _ = apply()
    victim = outcome.done["data"] / "result.txt"
    victim.write_bytes(victim.read_bytes()[:-1] + b"?")
    fresh = type(store)(store.root)
    monkeypatch.setattr(store, "_verified", fresh._verified)
    monkeypatch.delenv("FAKE_FAULT")
    outcome, _ = apply()
    error = outcome.failed["sft"]
    assert isinstance(error, IntegrityError)
    assert "`result.txt`" in error.faults[0].message
    assert f"rm -r {victim.parent}" in error.faults[0].hint
    assert outcome.exit_code == 5
    state = {stage["id"]: stage for stage in status(store)["stages"]}["sft"]
    assert (state["state"], state["faults"][0]["message"]) == ("failed", error.faults[0].message)


def test_a_folder_of_another_fingerprint_is_not_mixed_in(store, apply, toy):
    """Work in progress whose job names another fingerprint is thrown away, not resumed."""
    want = toy.chain().stages[0].want
    folder = store.partial_path(want.artifact)
    (folder / "checkpoints" / "step-2").mkdir(parents=True)
    (folder / "checkpoints" / "step-2" / "manifest.json").write_text(json.dumps({"step": 2, "chain": "foreign"}))
    (folder / "job.json").write_text(json.dumps({"fingerprint": "f" * 64}))
    outcome, seen = apply()
    assert outcome.exit_code == 0
    assert "stage_resumed" not in [event for event, _ in seen]
    assert "from step 0" in (outcome.done["data"] / "log.txt").read_text()


def test_a_commit_cut_before_the_rename_is_finished(store, apply, toy, monkeypatch):
    """A folder in progress that already has its manifest becomes the artifact without a child."""
    stage = toy.chain().stages[0]
    outcome, _ = apply()
    final = outcome.done["data"]
    final.rename(store.partial_path(stage.want.artifact))
    (store.partial_path(stage.want.artifact) / "job.json").write_text(
        json.dumps({"fingerprint": stage.want.fingerprint})
    )
    monkeypatch.setenv("FAKE_FAULT", "crash@1:data")
    outcome, _ = apply()
    assert outcome.failed == {}
    assert not (final / "job.json").exists()


def test_a_closed_terminal_checkpoints(store):
    """The terminal that an apply was started from goes: the step ends and is saved, and the exit code says why."""
    program = "import fcntl, runpy, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); sys.argv = sys.argv[1:]; "
    program += "runpy.run_path(sys.argv[0], run_name='__main__')"
    fake = str(Path(__file__).with_name("fake_apply.py"))
    master, slave = os.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program, fake, str(store.root), "60", "0.15"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    said = b""
    while b"stage_checkpoint" not in said:
        said += os.read(master, 4096)
    os.close(master)
    assert process.wait(60) == 129
    told = status(store)["stages"][0]
    assert (told["state"], told["kept"] >= 1) == ("interrupted", True)
    assert (next(store.artifacts.glob("data-*.partial")) / "stopped").read_text() == "SIGHUP"


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGHUP, 129)]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_the_first_signal_checkpoints_and_the_next_apply_goes_on(store, start_apply, number, code):
    """A signal ends the apply after the step at work, with its exit code and the command that goes on, which does."""
    process = start_apply(store.root, 4, 0.15)
    wait_for(process, "stage_checkpoint")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert '"stage_stopped"' in out
    assert "`drdoctl apply toy.yaml` goes on from there" in err
    state = {stage["id"]: stage for stage in status(store)["stages"]}
    assert state["data"]["state"] == "interrupted"
    assert state["data"]["step"] >= 1
    again = start_apply(store.root, 4, 0.15)
    out, _ = again.communicate(timeout=60)
    assert again.returncode == 0
    assert '"stage_resumed"' in out


def test_a_second_ctrl_c_ends_at_once_and_says_what_is_lost(store, start_apply):
    """Two SIGINTs kill the stage without waiting for its step; the checkpoint before stays, and the loss is named."""
    process = start_apply(store.root, 6, 0.0, FAKE_FAULT="hang@3:data")
    wait_for(process, '"step": 2')
    process.send_signal(signal.SIGINT)
    wait_for(process, "stopping")
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - began < 3
    assert "is lost" in err
    assert "step 2" in err


@pytest.mark.parametrize(
    ("number", "at", "code"),
    [(signal.SIGUSR1, 1, 1), (signal.SIGUSR1, 3, 75), (signal.SIGTERM, 1, 143), (signal.SIGINT, 1, 130)],
)
def test_what_outlasts_its_grace_is_requeued_only_if_something_was_saved(store, start_apply, number, at, code):
    """Killed for taking too long, with nothing saved since the apply began, SIGUSR1 is no 75: it would be for ever."""
    process = start_apply(store.root, 6, 0.0, FAKE_FAULT=f"hang@{at}:data", FAKE_GRACE="0.6")
    wait_for(process, "stage_started" if at == 1 else '"step": 2')
    wait_until_it_works(store, "from step 0")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert "because it had not ended within 0.01 minutes" in err
    assert ("nothing was saved since this apply began" in err) == (code == 1)
    assert ("raise `resources.grace_minutes`" in err) == (code == 1)


def test_what_an_earlier_apply_saved_is_no_reason_to_requeue(store, start_apply):
    """An apply that got no further than the one before would be followed by another such."""
    assert start_apply(store.root, 6, 0.0, FAKE_FAULT="kill@3:data").wait(timeout=60) == 1
    process = start_apply(store.root, 6, 0.0, FAKE_FAULT="hang@3:data", FAKE_GRACE="0.6")
    wait_until_it_works(store, "from step 2")
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1, err
    assert "what it did since it last saved (at step 2) is lost" in err


def test_a_finished_stage_is_reason_enough_to_requeue(store, start_apply):
    """With a stage finished by this apply, the next one comes further than this."""
    process = start_apply(store.root, 2, 0.0, FAKE_FAULT="hang@1:sft", FAKE_GRACE="0.6")
    wait_for(process, "stage_finished")
    wait_for(process, "stage_started")
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err


def test_a_slow_step_is_waited_for(store, start_apply):
    """A step that takes long is ended and saved, as long as it is within the grace."""
    process = start_apply(store.root, 3, 3.0, FAKE_GRACE="20")
    wait_until_it_works(store, "from step 0")
    process.send_signal(signal.SIGUSR1)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 75, err
    assert "`data` was stopped at step 1" in err


def test_kill_9_of_the_apply_leaves_no_child_and_no_lock(store, start_apply):
    """After kill -9 of the parent its child ends by itself, the store is free, and status says interrupted."""
    process = start_apply(store.root, 200, 0.1)
    wait_for(process, "stage_checkpoint")
    job = next(store.artifacts.glob("data-*.partial")) / "job.json"
    process.kill()
    process.wait()
    state = status(store)
    assert state["holder"] is None
    assert state["stages"][0]["state"] == "interrupted"
    deadline = time.monotonic() + 10
    while children_of(job) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not children_of(job)


def test_of_six_racing_applies_one_runs_and_five_are_refused(store, start_apply):
    """Started at once, exactly one apply gets the store and runs; the others end with 6, naming the holder."""
    racers = [start_apply(store.root, 400, 0.1) for _ in range(6)]
    deadline = time.monotonic() + 60
    while sum(racer.poll() is None for racer in racers) > 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    winner = next(racer for racer in racers if racer.poll() is None)
    for loser in racers:
        if loser is not winner:
            _, err = loser.communicate(timeout=60)
            assert loser.returncode == 6, err
            assert f"pid {winner.pid}" in err
    wait_for(winner, "stage_checkpoint")
    assert status(store)["stages"][0]["state"] == "running"


def test_a_full_disk_is_named_and_nothing_is_lost(start_apply, tmp_path):
    """A stage that fills the disk fails with a clear error, and goes on once there is room."""
    room = tmp_path / "small"
    room.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(room)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("needs the right to mount a small tmpfs")
    try:
        full = start_apply(room, 3, 0.0, FAKE_FAULT="full@2:sft")
        out, _ = full.communicate(timeout=60)
        assert full.returncode == 1
        partial = next((room / "artifacts").glob("sft-*.partial"))
        assert f"cannot write `{partial}`: No space left on device" in out
        assert f"make room on the disk of `{partial.parent}`" in out
        subprocess.run(["mount", "-o", "remount,size=40m", str(room)], check=True)
        (next((room / "artifacts").glob("sft-*.partial")) / "big").unlink(missing_ok=True)
        again = start_apply(room, 3, 0.0)
        out, err = again.communicate(timeout=60)
        assert again.returncode == 0, err
        assert '"stage_resumed"' in out
    finally:
        subprocess.run(["umount", "-l", str(room)], check=True)


def test_a_signal_between_stages_stops_there(apply):
    """A signal that arrives when no child runs stops the plan before the next stage starts."""

    def interrupt(event, fields):
        if event == "stage_finished" and fields["id"] == "data":
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(Stopped) as stopped:
        apply(view=interrupt)
    assert stopped.value.exit_code == 143
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_the_journal_holds_what_the_screen_saw(store, apply):
    """Every event of the journal but throttled progress reached the view, in the same order."""
    _, seen = apply()
    folder = next(store.runs.iterdir())
    journal = [event["event"] for event in read_events(folder) if event["event"] != "stage_progress"]
    assert journal[1:-1] == [event for event, _ in seen if event != "stage_progress"]


def wait_for(process, text):
    """Read the apply's output up to a line that holds `text`."""
    for line in process.stdout:
        if text in line:
            return
    pytest.fail(f"no {text!r} before the end: {process.stderr.read()}")


def wait_until_it_works(store, text, seconds=20):
    """Wait until the log of the stage `data` in progress holds `text`."""
    deadline = time.monotonic() + seconds
    while not any(text in path.read_text() for path in store.artifacts.glob("data-*.partial/log.txt")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(job):
    """Return the processes that work on a job, from their command lines."""
    found = subprocess.run(["pgrep", "-f", str(job)], capture_output=True, text=True, check=False)
    return found.stdout.split()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 1)])
def test_hashing_inputs_is_cut_by_a_signal(store, apply, monkeypatch, number, code):
    """A signal while inputs are hashed, which may take minutes and is not kept, ends the apply before the stage."""
    monkeypatch.setenv("FAKE_FAULT", "crash@1:sft")
    apply()
    monkeypatch.delenv("FAKE_FAULT")

    def hashing(*_, **__):
        os.kill(os.getpid(), number)
        time.sleep(60)

    monkeypatch.setattr(store, "verify_input", hashing)
    with pytest.raises(Stopped) as stopped:
        apply()
    assert stopped.value.exit_code == code
    assert "the inputs of `sft` were being hashed" in stopped.value.faults[0].message
    assert store.manifest(next(store.artifacts.glob("sft-*")).name) is None


def test_a_journal_without_room_hides_no_failure(store, apply, monkeypatch):
    """Where even the journal cannot be written, the screen and the exit code still say what failed."""
    monkeypatch.setenv("FAKE_FAULT", "crash@1:sft")
    emit = Run.emit

    def full(journal, event, /, **fields):
        if event == "stage_failed":
            raise StageFailed("No space left on device", code="disk")
        emit(journal, event, **fields)

    monkeypatch.setattr(Run, "emit", full)
    outcome, seen = apply()
    assert outcome.failed["sft"].faults[0].code == "stage-crashed"
    assert "stage_failed" in [event for event, _ in seen]
