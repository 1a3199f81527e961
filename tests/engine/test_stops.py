import pytest

from drdoctl.engine.stops import Cut, between
from drdoctl.engine.watch import Ending

COMMAND = ("apply", "my spec.yaml")
ASKED = Ending(75, stopped="SIGUSR1")
LATE, AT_ONCE = Ending(137, killed=True, late=True), Ending(137, killed=True)


def partial(step, seen=None, unit="step", at="now"):
    """Return how far a stage is, as the store tells it."""
    return {"step": step, "seen": step if seen is None else seen, "steps": 0, "unit": unit, "at": at}


def cut(ending, before, now, name="SIGUSR1", saved=False):
    """Return exit code, sentence and hint of an apply whose stage was cut short."""
    error = Cut("align", name, ending, before, now, saved, 2.5).error(COMMAND)
    return error.exit_code, error.faults[0].message, error.faults[0].hint


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 75)])
def test_between_stages_nothing_is_lost(name, code):
    """Where no stage was at work the code is the signal's, and the command to go on is one for the shell."""
    error = between(name, "no stage was at work", COMMAND)
    assert (error.exit_code, error.faults[0].message) == (code, f"{name}: no stage was at work")
    assert error.faults[0].hint == "`drdoctl apply 'my spec.yaml'` goes on from there"


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 1)])
def test_what_is_not_kept_is_not_requeued_for_ever(name, code):
    """Where what was begun is begun anew, and nothing was saved before, SIGUSR1 says so; other signals keep theirs."""
    error = between(name, "hashing", COMMAND, in_vain=True)
    assert error.exit_code == code
    assert ("would come no further" in error.faults[0].message) == (code == 1)


@pytest.mark.parametrize(
    ("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGUSR1", 75), ("SIGHUP", 129), ("", 143)]
)
def test_a_stage_that_saved_goes_on(name, code):
    """A stage that ended as asked names the step it is at; a signal that nobody knows is taken for SIGTERM."""
    told = cut(ASKED, None, partial(1200), name)
    assert told[:2] == (code, f"{name or 'SIGTERM'}: `align` was stopped at step 1,200")
    assert told[2].endswith("goes on from there")


def test_a_stage_that_keeps_nothing_says_so():
    """A data stage that was stopped starts afresh: no word of going on."""
    told = cut(ASKED, None, partial(0, 41472, "row"))
    assert told[:2] == (75, "SIGUSR1: `align` was stopped at row 41,472; it keeps nothing of what it began")
    assert told[2] == "`drdoctl apply 'my spec.yaml'` starts this stage afresh"


def test_a_stage_that_is_kept_in_pieces_says_when():
    """Sampling that was stopped within its first piece starts afresh; twice in a row, it needs more time."""
    now = partial(0, 500, "token")
    told = cut(ASKED, None, now)
    assert told[:2] == (75, "SIGUSR1: `align` was stopped at token 500; its first piece was not done")
    code, text, hint = cut(ASKED, {**now, "at": "before"}, now)
    assert (code, "would come no further" in text) == (1, True)
    assert hint.endswith("keeps nothing until its first piece is done")


def test_a_stage_that_had_not_begun_has_nothing_to_lose():
    """Stopped before its first step, a stage simply runs next time."""
    assert cut(ASKED, None, None)[0::2] == (75, "`drdoctl apply 'my spec.yaml'` goes on from there")


@pytest.mark.parametrize(
    ("before", "now", "saved", "code"),
    [
        (None, partial(0, 7), False, 1),
        (None, partial(0, 7), True, 75),
        (None, partial(5, 7), False, 75),
        (partial(5), partial(5, 7), False, 1),
        (partial(5), partial(6, 7), False, 75),
        (partial(90, unit="chunk"), partial(3, unit="token"), False, 75),
        (partial(5), None, False, 1),
    ],
)
@pytest.mark.parametrize("ending", [LATE, AT_ONCE])
def test_a_killed_stage_is_requeued_only_if_the_apply_saved_something(ending, before, now, saved, code):
    """75 asks a script to try again: never where this apply came no further than the one before."""
    found, text, hint = cut(ending, before, now, saved=saved)
    assert found == code
    assert ("because it had not ended within 2.5 minutes" in text) == ending.late
    assert ("a requeued one would come no further" in text) == (code == 1)
    assert ("grace_minutes" in hint) == (code == 1 and ending.late)


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_other_signals_keep_their_codes(name, code):
    """Only SIGUSR1 promises that a requeue helps; a stage killed after another keeps that signal's code."""
    found, text, hint = cut(LATE, None, partial(0, 7), name)
    assert found == code
    assert text.endswith("what it did is lost, for it had saved nothing")
    assert hint.endswith("starts this stage afresh")


def test_a_stage_that_keeps_nothing_is_not_requeued_for_ever():
    """Stopped twice in a row before it was done, a data stage needs more time; an old report is no beginning."""
    row = partial(0, 900, "row", at="then")
    assert cut(ASKED, row, partial(0, 950, "row"))[0] == 1
    assert "more time" in cut(ASKED, row, partial(0, 950, "row"))[2]
    assert cut(ASKED, row, partial(0, 950, "row"), saved=True)[0] == 75
    assert cut(ASKED, row, row)[0] == 75
