import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from drdoctl.engine import watch
from drdoctl.engine.ranks import _stat
from drdoctl.engine.signals import Signals
from drdoctl.engine.watch import Watch


@pytest.fixture
def follow(tmp_path):
    """Return a function that watches a small program, and gives its ending and the progress seen."""

    def run(program, timeout=30.0, processes=1, grace=30.0):
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], start_new_session=True, stderr=subprocess.DEVNULL
        )
        seen = []
        with Signals() as signals:
            ending = Watch(
                process, tmp_path, signals, timeout, grace, processes, seen.append, lambda: seen.append("stop")
            ).wait()
        return ending, seen

    return run


def test_an_ending_is_told_apart_by_code_and_signal(follow):
    """Exit codes are passed on; a signal, from the child itself or as a launcher's 256 - n, is named."""
    assert (follow("raise SystemExit(3)")[0].code, follow("raise SystemExit(3)")[0].signal) == (3, None)
    assert follow("import os; os.kill(os.getpid(), 11)")[0].signal == 11
    assert follow("raise SystemExit(247)")[0].signal == 9


def test_a_saved_stop_is_no_failure(follow, tmp_path):
    """Where the worker left `stopped`, the ending says who asked."""
    (tmp_path / "stopped").write_text("SIGTERM")
    assert follow("raise SystemExit(75)")[0].stopped == "SIGTERM"


def test_torn_progress_is_passed_over(follow):
    """A progress file that is no JSON, or has no step, is not shown and harms nothing."""
    program = "import sys, pathlib, time; p = pathlib.Path(sys.argv[1], 'progress.json')\n"
    program += "for text in ('{torn', '[]', '{}', '{\"step\": 4}'): p.write_text(text); time.sleep(0.3)"
    ending, seen = follow(program)
    assert ending.code == 0
    assert seen == [{"step": 4}]


def test_grandchildren_do_not_survive(follow, tmp_path):
    """Whatever a stage started is killed with its group, however the stage ended."""
    program = "import subprocess, sys, pathlib\n"
    program += "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    program += "pathlib.Path(sys.argv[1], 'pid').write_text(str(child.pid))"
    follow(program)
    pid = int((tmp_path / "pid").read_text())
    deadline = time.monotonic() + 5
    while Path(f"/proc/{pid}").exists() and "Z" not in _stat(pid)[:1] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _stat(pid)[:1] in ([], ["Z"])


def test_a_stage_that_does_not_stop_is_killed_after_the_grace_time(follow):
    """A stage that ignores `stop` is ended after the time it is given, and the ending says that work may be lost."""
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    ending, seen = follow("import time; time.sleep(60)", grace=0.5)
    assert (ending.killed, ending.late) == (True, True)
    assert seen == ["stop"]


def test_a_second_signal_kills_before_the_grace_is_over(follow):
    """Killed because of a second signal is not killed for being late."""
    for seconds in (0.3, 0.6):
        threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGTERM)).start()
    ending, _ = follow("import time; time.sleep(60)")
    assert (ending.killed, ending.late) == (True, False)


@pytest.mark.parametrize("works", [True, False])
def test_another_process_that_speaks_is_life_too(follow, works):
    """The first of several processes may wait for another: hung is what none of them has said anything in."""
    program = "import sys, pathlib, time; beat = pathlib.Path(sys.argv[1], 'beats', '1'); beat.parent.mkdir()\n"
    program += f"for step in range(8): time.sleep(0.2); {works} and beat.write_text(str(step))"
    ending, _ = follow(program, timeout=1.0, processes=2)
    assert (ending.hung is None) == works


def test_hang_watch_ignores_what_was_there_before(follow, tmp_path):
    """A progress file of an earlier run is no progress: it is neither shown nor taken for life."""
    (tmp_path / "progress.json").write_text(json.dumps({"step": 9}))
    ending, seen = follow("import time; time.sleep(60)", timeout=0.5)
    assert ending.hung == ""
    assert seen == []


@pytest.mark.parametrize("asked", [False, True])
def test_time_in_which_nobody_watched_does_not_count(follow, monkeypatch, asked):
    """Stopped for longer than its child may be silent, or may take to end, the watch gives it that time anew."""
    monkeypatch.setattr(watch, "HELD_UP_SECONDS", 0.5)
    rounds = iter(range(100))
    wait = watch.Exits.wait

    def held_up(exits, seconds):
        if next(rounds) == 3:
            time.sleep(2.0)  # as SIGSTOP and SIGCONT would have it
        wait(exits, seconds)

    monkeypatch.setattr(watch.Exits, "wait", held_up)
    if asked:
        threading.Timer(0.15, os.kill, (os.getpid(), signal.SIGTERM)).start()
    ending, _ = follow("import time; time.sleep(2.6)", timeout=1.5, grace=1.5)
    assert (ending.code, ending.hung, ending.killed) == (0, None, False)


def test_a_watch_that_was_held_up_still_sees_a_hung_child(follow, monkeypatch):
    """The limit is given anew once; who says nothing after that is hung."""
    monkeypatch.setattr(watch, "HELD_UP_SECONDS", 0.3)
    rounds = iter(range(1000))
    wait = watch.Exits.wait
    monkeypatch.setattr(
        watch.Exits, "wait", lambda exits, seconds: wait(exits, seconds) if next(rounds) != 2 else time.sleep(1.0)
    )
    began = time.monotonic()
    assert follow("import time; time.sleep(60)", timeout=0.8)[0].hung == ""
    assert 1.8 < time.monotonic() - began < 20
