"""Chat templates that never end, take all memory, or reach for Python: each is refused soon, and none gets out."""

from __future__ import annotations

import copy
import os
import select
import signal

import pytest

from chaos._templates import ENDLESS, ESCAPED, HUGE, ODD, escapes
from drdoctl.core.errors import UserError
from drdoctl.data import _trial
from drdoctl.data._records import Bad
from drdoctl.data._template import Template
from drdoctl.data._trial import trial_fault


@pytest.fixture
def made(chat_tokenizer, monkeypatch):
    """Return a function from a template's text to `Template`, within limits that a test can wait for."""
    monkeypatch.setattr(_trial, "SECONDS", 1)
    monkeypatch.setattr(_trial, "MEMORY_BYTES", 1 << 28)

    def make(text):
        tokenizer = copy.copy(chat_tokenizer)
        tokenizer.chat_template = text
        return Template(tokenizer, "auto")

    return make


def refusal(made, text):
    with pytest.raises(UserError) as caught:
        made(text)
    (fault,) = caught.value.faults
    assert fault.code == "template"
    assert "data.template: none" in fault.hint
    return fault.message


@pytest.mark.parametrize("text", ENDLESS, ids=range(len(ENDLESS)))
def test_a_template_that_never_ends_is_refused(made, text):
    """Loops in loops and recursion without end cost a second, and are named."""
    assert "does not end" in refusal(made, text)


@pytest.mark.parametrize("text", HUGE, ids=range(len(HUGE)))
def test_a_template_that_takes_all_memory_is_refused(made, text):
    """Texts without bound cost no memory of this process, whichever way they are made."""
    said = refusal(made, text)
    assert "memory" in said or "does not end" in said or "characters" in said


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_whatever_a_template_raises_is_a_fault(made, text):
    """What a template raises, or makes of two turns beyond all measure, is told in one line."""
    said = refusal(made, text)
    assert "\n" not in said
    assert "cannot render" in said


@pytest.mark.parametrize("number", range(16))
def test_no_template_reaches_python(made, tmp_path, number):
    """Tricks with attributes end in the sandbox: refused, or text without what they were after; no file is made."""
    canary = tmp_path / "canary"
    texts = escapes(canary)
    assert len(texts) == 16
    try:
        shown = made(texts[number]).prompt("what ?", None)
    except (UserError, Bad):
        shown = ""
    assert not canary.exists()
    assert not any(word in shown for word in ESCAPED)


def test_a_good_template_is_left_alone(made, chat_tokenizer):
    """A template that ends is used as it is, after a trial that left no process behind."""
    assert made(chat_tokenizer.chat_template).prompt("what ?", None).endswith("<|im_start|>assistant\n")
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_a_trial_that_sleeps_is_ended(monkeypatch):
    """What takes no processor time ends by the clock."""
    assert trial_fault(lambda: None) is None
    monkeypatch.setattr(_trial, "WAIT_SECONDS", 0.2)
    assert "does not end" in trial_fault(lambda: _trial.time.sleep(600))


def test_signals_to_all_processes_are_no_fault_of_a_template():
    """What a scheduler sends to every process of an apply does not end a trial; the parent heeds it when it is over."""
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.append(number))
    parent = os.getpid()

    def render():
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(parent, signal.SIGUSR1)

    try:
        assert trial_fault(render) is None
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert heard == [signal.SIGUSR1]


def test_an_interrupted_trial_leaves_no_process(monkeypatch):
    """Where the wait is cut short, the trial is ended with it."""

    class Cut(Exception):
        """As a signal's handler raises it."""

    def cut(seconds):
        raise Cut

    seen = []
    fork = os.fork
    monkeypatch.setattr(_trial.os, "fork", lambda: seen.append(fork()) or seen[-1])
    monkeypatch.setattr(_trial.time, "sleep", cut)
    with pytest.raises(Cut):
        trial_fault(lambda: select.select([], [], [], 600))
    with pytest.raises(ProcessLookupError):
        os.kill(seen[0], 0)
