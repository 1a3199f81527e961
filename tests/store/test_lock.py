import errno
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.core.errors import Refused, StageFailed
from drdoctl.store.lock import busy_with, hold, holder, mark_busy, pid_alive

HOLD = "import sys, time; from pathlib import Path; from drdoctl.store.lock import hold\n"
HOLD += "with hold(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"


@pytest.fixture
def other(tmp_path):
    """Return another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_held_store_is_refused_at_once_naming_the_holder(tmp_path, other):
    """The second apply is refused with exit code 6 within two seconds, and told pid, host and since when."""
    began = time.monotonic()
    with pytest.raises(Refused) as refused, hold(tmp_path):
        pass
    assert time.monotonic() - began < 2
    assert refused.value.exit_code == 6
    assert f"pid {other.pid} on {os.uname().nodename}, since 20" in str(refused.value)
    assert holder(tmp_path)["pid"] == other.pid


def test_a_killed_holder_leaves_no_lock(tmp_path, other):
    """After kill -9 of the holder the store is free, though its note still lies there."""
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert json.loads((tmp_path / "lock").read_text())["pid"] == other.pid
    assert holder(tmp_path) is None
    with hold(tmp_path):
        assert holder(tmp_path)["pid"] == os.getpid()
    assert holder(tmp_path) is None


@given(st.binary(max_size=50))
@settings(max_examples=25, deadline=None)
def test_junk_in_the_lock_file_does_no_harm(tmp_path_factory, junk):
    """Whatever lies in the lock file, a free store can be taken and let go."""
    root = tmp_path_factory.mktemp("lock")
    (root / "lock").write_bytes(junk)
    with hold(root):
        assert holder(root)["pid"] == os.getpid()


def test_junk_written_over_a_live_note_breaks_no_lock(tmp_path, other):
    """A holder whose note was overwritten still holds; the refusal says that the pid is unknown."""
    (tmp_path / "lock").write_text("[junk")
    with pytest.raises(Refused, match="pid unknown"), hold(tmp_path):
        pass


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    """Where flock is not supported, the error says so and how to go on."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StageFailed, match="has no locks") as error, hold(tmp_path):
        pass
    assert "--store" in error.value.faults[0].hint


def test_a_process_that_ended_counts_as_dead_even_before_it_is_waited_for():
    """A zombie is dead, this process lives, and numbers that no process can have are dead."""
    child = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 10
    while pid_alive(child.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not pid_alive(child.pid)
    child.wait()
    assert pid_alive(os.getpid())
    assert not pid_alive(2**40)


@pytest.mark.skipif(not Path("/proc/locks").exists(), reason="the kernel does not tell who holds a lock")
def test_who_marks_a_file_as_busy_is_told(tmp_path):
    """The process that marked it, until it lets go; nobody for a file that is not there."""
    path = tmp_path / "job.json"
    assert busy_with(path) == []
    path.write_text("{}")
    mark = mark_busy(path)
    assert busy_with(path) == [os.getpid()]
    mark.close()
    assert busy_with(path) == []
