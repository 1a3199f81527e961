"""The guard: a program ends with its owner, in whatever way the owner ends, and its own ending is passed on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drdoctl.train import guard

WAITS = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(60)"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAITS
OWNER = """
import subprocess, sys, time
subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, start_new_session=True)
time.sleep(60)
"""
SHORT = "import sys, drdoctl.train.guard as guard; guard.GRACE_SECONDS = 0.3; sys.exit(guard.main(sys.argv[1:]))"


def start(*words, **how):
    """Start the guard of a command line, with a short grace."""
    line = [sys.executable, "-c", SHORT, *words]
    return subprocess.Popen(line, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, **how)


def pid_in(path: Path) -> int:
    """Return the process id that a program writes once it runs."""
    return int(eventually(lambda: path.exists() and path.read_text()))


def gone(pid: int) -> bool:
    """Tell whether a process has ended, waited for or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def eventually(look):
    """Return what `look` returns once it is true."""
    deadline = time.monotonic() + 20
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.mark.parametrize(
    ("code", "expected"), [("pass", 0), ("exit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137)]
)
def test_the_programs_ending_is_passed_on(code, expected):
    """The guard ends with its program, and with its code."""
    process = start(sys.executable, "-c", code)
    assert process.wait(20) == expected


def test_a_program_that_cannot_start():
    """A program that is not there is an exit code of its own and a line that names it."""
    process = start("./no-such-program")
    assert process.wait(20) == guard.NOT_STARTED
    assert process.stderr is not None
    assert "no-such-program" in process.stderr.read().decode()


@pytest.mark.parametrize("program", [WAITS, DEAF])
def test_a_closed_stdin_ends_the_program(tmp_path, program):
    """When the owner lets go, the program ends, also one that does not listen to SIGTERM."""
    process = start(sys.executable, "-c", program, str(tmp_path / "pid"))
    pid = pid_in(tmp_path / "pid")
    process.stdin.close()
    process.wait(20)
    eventually(lambda: gone(pid))


def test_a_killed_owner_ends_the_program(tmp_path):
    """When the owner is killed outright, the program ends."""
    line = [sys.executable, "-m", "drdoctl.train.guard", sys.executable, "-c", WAITS, str(tmp_path / "pid")]
    owner = subprocess.Popen([sys.executable, "-c", OWNER, *line])
    pid = pid_in(tmp_path / "pid")
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    eventually(lambda: gone(pid))


@pytest.mark.skipif(sys.platform != "linux", reason="Linux's pages")
def test_the_program_may_have_large_pages_again(tmp_path):
    """What a stage gave up for a large model is not given up by what it starts."""
    told = tmp_path / "told"
    asks = "import ctypes, sys; open(sys.argv[1], 'w').write(str(ctypes.CDLL(None).prctl(42, 0, 0, 0, 0)))"
    gives_up = f"import ctypes; ctypes.CDLL(None).prctl(41, 1, 0, 0, 0); {SHORT}"
    line = [sys.executable, "-c", gives_up, sys.executable, "-c", asks, str(told)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, start_new_session=True) as process:
        process.wait(60)
    assert told.read_text() == "0"
