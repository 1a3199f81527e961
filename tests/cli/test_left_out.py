"""What will not run, and what was not begun, after a failure."""

from pathlib import Path
from types import SimpleNamespace

from drdoctl.cli._left_out import left_out
from drdoctl.core.errors import UserError
from drdoctl.core.words import NAMED
from drdoctl.engine.outcome import Outcome
from drdoctl.stages import Want

DATA = Want("data", 1, {"seed": 0})
OTHER = Want("data", 1, {"seed": 1}, label="seed=1")


def told(wants, *, failed=(), skipped=(), done=()):
    """Return what is said where these stages failed and these were skipped."""
    plan = SimpleNamespace(stages=[SimpleNamespace(want=want) for want in wants])
    error = UserError("no", code="x")
    outcome = Outcome(
        done={want.id: Path() for want in done},
        failed={want.id: error for want in failed},
        skipped={want.id: [] for want in skipped},
    )
    return list(left_out(plan, outcome, "drdoctl report s.yaml --partial"))


def test_nothing_is_said_of_nothing():
    """Where all went well, or the last stage failed, nothing was left out."""
    assert told([DATA]) == []
    assert told([DATA], failed=[DATA]) == []


def test_what_rests_on_the_failure_is_told_from_what_only_waits():
    """The second would run with `--keep-going`."""
    sft, alone = Want("sft", 1, {}, {"data": DATA}), Want("sft", 1, {}, {"data": OTHER}, label="seed=1")
    said = told([DATA, OTHER, sft, alone], failed=[DATA], skipped=[OTHER, sft, alone])
    assert said == [
        "Will not run because `data` failed: sft",
        "Not begun after that failure: data[seed=1], sft[seed=1]. `--keep-going` runs what does not rest on it",
    ]


def test_many_are_counted():
    """A matrix has hundreds of students."""
    students = [Want("align", 1, {"at": at}, {"data": DATA}, label=f"m{at}") for at in range(NAMED + 30)]
    (said,) = told([DATA, *students], failed=[DATA], skipped=students)
    assert said.endswith("align[m7] and 30 more")


def test_what_was_measured_can_be_looked_at():
    """After a failure, the figures of students that were finished are a command away."""
    measured = Want("evaluate", 1, {}, {"data": DATA}, label="dpo")
    assert told([DATA, measured, OTHER], failed=[OTHER], done=[DATA, measured]) == [
        "`drdoctl report s.yaml --partial` shows what was measured"
    ]
    assert told([DATA, measured], failed=[measured], done=[DATA]) == []
    assert told([DATA, measured], done=[DATA, measured]) == []
