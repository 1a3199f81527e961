"""Signals that ask for a stop: caught, raised, held back."""

import os
import signal
import subprocess
import sys
import time

import pytest

from drdoctl.core.errors import Stopped
from drdoctl.engine.signals import EXIT_CODES, Signals, heeded, held_back, stoppable


def struck(number):
    """Get a signal, and work on for a minute."""
    assert number is not None, "this must not have begun"
    os.kill(os.getpid(), number)
    time.sleep(60)


def test_handlers_are_put_back():
    """After the block the process answers signals as before, and inside it the first and the second are told apart."""
    before = {number: signal.getsignal(number) for number in EXIT_CODES}
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert (signals.first, signals.at_once) == (signal.SIGUSR1, False)
        os.kill(os.getpid(), signal.SIGHUP)
        assert not signals.at_once, "a closed terminal's comes from the shell and from the kernel"
        os.kill(os.getpid(), signal.SIGINT)
        assert (signals.first, signals.at_once) == (signal.SIGUSR1, True)
    assert {number: signal.getsignal(number) for number in EXIT_CODES} == before


@pytest.mark.parametrize("early", [True, False])
def test_work_that_looks_for_no_signal_is_cut(early):
    """In such work a signal raises, and so does one that came before it began; after it, signals are only noted."""
    with Signals() as signals:
        if early:
            os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt), signals.raising():
            struck(None if early else signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGUSR1)
        assert signals.first is signal.SIGTERM


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGHUP, 129)])
def test_where_nothing_is_at_work_a_signal_ends_the_command_with_its_code(number, code):
    """Each raises what ends the command line with its exit code, and afterwards does what it did."""
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, stoppable("go on"):
        struck(number)
    assert (stopped.value.exit_code, stopped.value.faults[0].hint) == (code, "go on")
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("around", [Signals, lambda: stoppable("go on")])
def test_under_nohup_a_closed_terminal_stops_nothing(around):
    """Where SIGHUP was ignored when we came, it stays ignored, in children too; the other signals are heeded."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with around():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.SIGHUP not in heeded()
            assert signal.SIGTERM in heeded()
            with held_back():
                program = "import signal; raise SystemExit(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)"
                assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 1
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_written_to_a_terminal_that_is_gone_goes_nowhere():
    """Only a terminal that is gone is left: files and pipes get what is written to them."""
    program = "import os, sys, signal\nfrom drdoctl.engine.signals import leave_terminal\nsys.stdin.readline()\n"
    program += "try: os.write(2, b'x'); code = 1\nexcept OSError: leave_terminal(); code = os.write(2, b'ok')\n"
    program += "print(code, flush=True)"
    master, slave = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=slave
    )
    os.close(slave)
    os.close(master)
    assert child.communicate(b"go\n")[0].strip() == b"2"


def test_a_child_is_not_killed_before_it_hears():
    """Signals sent to a child from its birth on reach it once it has handlers; our own reach us after the block."""
    program = "import signal, sys, time\nfrom drdoctl.engine.signals import hear\ntime.sleep(0.5)\n"
    program += "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))\nhear()\ntime.sleep(60)"
    ours = []
    before = signal.signal(signal.SIGUSR1, lambda *_: ours.append("heard"))
    try:
        with held_back():
            signal.raise_signal(signal.SIGUSR1)  # to this thread alone: the test runner has others
            assert not ours
            child = subprocess.Popen([sys.executable, "-c", program])
        assert ours == ["heard"]
    finally:
        signal.signal(signal.SIGUSR1, before)
    with child:
        child.terminate()
        assert child.wait(30) == 7
