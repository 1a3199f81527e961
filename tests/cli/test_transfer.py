"""What is said while files travel."""

from __future__ import annotations

import threading
from contextlib import contextmanager, suppress
from types import SimpleNamespace

import pytest

from drdoctl.cli import _transfer, _trust


class Said:
    """Stands in for the console; `first` is set once something was said."""

    def __init__(self):
        self.lines = []
        self.first = threading.Event()

    @contextmanager
    def progress(self):
        """Give itself as the line that moves."""
        yield self

    def update(self, line):
        """Take a line."""
        self.lines.append(line)
        self.first.set()


@pytest.fixture
def said(monkeypatch):
    """A console that is told often."""
    monkeypatch.setattr(_transfer, "EVERY_SECONDS", 0.01)
    return Said()


def test_bytes_and_time_left(said, tmp_path):
    """Bytes that lie in the folder, hidden ones too, of all that will, and how long the others take."""
    (tmp_path / "before").write_bytes(b"x" * 1000)
    with _transfer.arriving(said, "pull zoo/thing", tmp_path, 10_000):
        (tmp_path / ".fetch").mkdir()
        (tmp_path / ".fetch" / "half").write_bytes(b"x" * 4000)
        assert said.first.wait(20)
        said.first.clear()
        assert said.first.wait(20)
    assert said.lines[-1].startswith("pull zoo/thing: 5.0 kB of 10.0 kB, ")
    assert said.lines[-1].endswith(" left")


def test_time_so_far(said):
    """What cannot be counted says for how long it has gone on, and stops when it ends, well or not."""
    with suppress(KeyError), _transfer.waiting(said, "uploading"):
        assert said.first.wait(20)
        raise KeyError
    assert said.lines[0] == "uploading: 0 s so far"
    count = len(said.lines)
    said.first.clear()
    assert not said.first.wait(0.1)
    assert len(said.lines) == count


@pytest.mark.parametrize(("seconds", "words"), [(5.4, "5 s"), (65, "1 min 5 s"), (7300, "2 h 1 min")])
def test_durations(seconds, words):
    """In the largest units that say enough."""
    assert _transfer._duration(seconds) == words


def test_probes_say_that_they_run(said, monkeypatch, tmp_path):
    """While the card's probes are scored, which takes seconds, it is said."""

    def slow(*_):
        assert said.first.wait(20)
        return {"scores": []}

    monkeypatch.setattr("drdoctl.engine.probe.scorer", lambda: slow)
    trust = _trust.trust_of(SimpleNamespace(console=said), no_probe=False, key=None)
    assert trust.scorer(tmp_path, None) == {"scores": []}
    assert said.lines[0].startswith("scoring the card's probes")
