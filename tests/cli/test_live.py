import errno

import pytest

from drdoctl.cli._live import Live

PLAN = {
    "stages": [
        {"id": "data", "kind": "data", "artifact": "d", "action": "reuse"},
        {"id": "sft", "kind": "sft", "artifact": "s", "action": "run"},
        {"id": "align", "kind": "align", "artifact": "a", "action": "run"},
    ],
    "summary": {},
}
STEP = {"id": "sft", "step": 120, "steps": 1000, "unit": "step", "loss": 0.693147}


class Sink:
    """A console and a progress that remember what was said."""

    def __init__(self):
        self.said, self.moving, self.faults = [], [], []
        self.milestone = self.info = self.warning = self.said.append
        self.update, self.error = self.moving.append, self.faults.append


@pytest.fixture
def sink():
    """Return a sink."""
    return Sink()


@pytest.fixture
def live(sink):
    """Return a view that has seen the plan."""
    view = Live(sink, sink)
    view("plan", PLAN)
    return view


def test_progress_is_one_line_with_what_is_known(live, sink):
    """The moving line counts the stages to run, and shows step, loss, speed and time left where they are known."""
    live("stage_progress", {**STEP, "tokens_per_second": 12345.6, "seconds_left": 200.0})
    live("stage_progress", {**STEP, "steps": 0, "loss": None, "tokens_per_second": None, "seconds_left": None})
    assert sink.moving == [
        "[1/2] sft: step 120 of 1,000, loss 0.6931, 12,346 tokens/s, 3 min left",
        "[1/2] sft: step 120",
    ]


def test_a_terminal_that_is_gone_ends_no_work(live, sink):
    """What cannot be written to it is let go; a reader of a pipe that went away is another matter."""

    def gone(_text):
        raise OSError(number, "gone")

    sink.update = gone
    number = errno.EIO
    live("stage_progress", {**STEP, "tokens_per_second": None, "seconds_left": None})
    number = errno.EPIPE
    with pytest.raises(BrokenPipeError):
        live("stage_progress", {**STEP, "tokens_per_second": None, "seconds_left": None})


def test_a_failure_shows_the_end_of_the_log_its_path_and_the_fault(live, sink, tmp_path):
    """The last twenty lines of the log, where it lies, and each fault with its remedy."""
    log = tmp_path / "log.txt"
    log.write_text("".join(f"line {number}\n" for number in range(30)))
    fault = {"code": "hung", "message": "no progress", "where": None, "hint": "wait"}
    live("stage_failed", {"id": "align", "faults": [fault], "log": str(log)})
    assert sink.said[0] == "[2/2] align: failed"
    assert sink.said[1].count("  | line") == 20
    assert str(log) in sink.said[1]
    assert (sink.faults[0].code, sink.faults[0].hint) == ("hung", "wait")


def test_what_an_earlier_attempt_logged_is_not_said_again(live, sink, tmp_path):
    """The log of a stage that is run again begins with what went wrong before."""
    log = tmp_path / "log.txt"
    log.write_text("the old fault\n")
    live("stage_started", {"id": "align", "log": str(log)})
    with log.open("a") as file:
        file.write("the new fault\n")
    live("stage_failed", {"id": "align", "faults": [], "log": str(log)})
    assert "  | the new fault" in sink.said[-1]
    assert "the old fault" not in sink.said[-1]


def test_a_stop_says_how_to_stop_at_once(live, sink):
    """The first signal is answered with what happens now and what a second would do."""
    for unit in ("step", "row", "chunk"):
        live("stopping", {"id": "sft", "signal": "SIGINT", "unit": unit, "minutes": 2.5})
    end = "(2.5 minutes at most); press Ctrl-C again to stop at once"
    assert sink.said == [
        f"SIGINT: stopping `sft` after this step, once that is saved {end}",
        f"SIGINT: stopping `sft`, which keeps nothing {end}",
        f"SIGINT: stopping `sft`, which keeps each piece it has finished {end}",
    ]


def test_events_without_a_view_are_passed_over(live, sink):
    """What only the journal needs leaves the screen alone."""
    live("stage_checkpoint", {"id": "sft", "step": 3})
    assert (sink.said, sink.moving, sink.faults) == ([], [], [])
