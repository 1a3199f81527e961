"""What will not run, and what was not begun, after a failure."""

from types import SimpleNamespace

from drdoctl.cli._left_out import NAMED, left_out
from drdoctl.core.errors import UserError
from drdoctl.engine.outcome import Outcome
from drdoctl.stages import Want

DATA = Want("data", 1, {"seed": 0})
OTHER = Want("data", 1, {"seed": 1}, label="seed=1")


def told(wants, *, failed=(), skipped=()):
    """Return what is said where these stages failed and these were skipped."""
    plan = SimpleNamespace(stages=[SimpleNamespace(want=want) for want in wants])
    error = UserError("no", code="x")
    outcome = Outcome(failed={want.id: error for want in failed}, skipped={want.id: [] for want in skipped})
    return list(left_out(plan, outcome))


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
