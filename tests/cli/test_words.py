from datetime import UTC, datetime
from pathlib import Path

import pytest

from drdoctl.cli._words import ago, count, duration, place


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (41.2, "41 s"), (720, "12 min"), (12_000, "3 h 20 min"), (200_000, "2 days")],
)
def test_durations_are_short(seconds, text):
    """Each order of magnitude has its own unit."""
    assert duration(seconds) == text


def test_times_to_come_are_just_now():
    """A clock that was set back gives no negative time."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago("2026-01-01T00:00:30+00:00", now) == "just now"
    assert ago("2025-12-31T23:48:00+00:00", now) == "12 min ago"


def test_what_is_no_time_is_some_time_ago():
    """A card from elsewhere may hold any text where a time should stand, or a time without its zone."""
    assert {ago(text) for text in ("", "yesterday", "2026-99-99", "2026-01-01T00:00:00")} == {"some time ago"}


def test_counts_leave_out_an_unknown_end():
    """Without a known end there is no `of`."""
    assert (count(1200, 4000, "row"), count(3, 0, "step")) == ("row 1,200 of 4,000", "step 3")


def test_paths_below_the_current_folder_are_relative(tmp_path, monkeypatch):
    """What lies below is shown relative, what lies elsewhere whole."""
    monkeypatch.chdir(tmp_path)
    assert place(tmp_path / "a" / "b") == str(Path("a", "b"))
    assert place(Path("/elsewhere/x")) == "/elsewhere/x"
