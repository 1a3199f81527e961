"""Signals that ask for a stop: caught, raised, held back."""

import os
import signal
import subprocess
import sys
import time

import pytest

from drdoctl.core.errors import Stopped
from drdoctl.engine.signals import EXIT_CODES, Signals, held_back, stoppable


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


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGUSR1, 75)])
def test_where_nothing_is_at_work_a_signal_ends_the_command_with_its_code(number, code):
    """SIGTERM and SIGUSR1 raise what ends the command line with their exit codes, and afterwards do what they did."""
    before = signal.getsignal(number)
    with pytest.raises(Stopped) as stopped, stoppable("go on"):
        struck(number)
    assert (stopped.value.exit_code, stopped.value.faults[0].hint) == (code, "go on")
    assert signal.getsignal(number) == before


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
