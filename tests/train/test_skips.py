"""Steps that are left out are counted, told, and few."""

import pytest

from drdoctl.core.errors import StageFailed
from drdoctl.train.skips import SHOWN, Skips

ROWS = [f"train-{row}" for row in range(SHOWN + 3)]


def test_without_leave_the_first_one_ends_the_stage():
    """The error names value, step, checkpoint and rows, not all of a large batch."""
    told = []
    with pytest.raises(StageFailed, match=r"the loss is nan at step 1,234; .* checkpoint is at step 1,200$") as caught:
        Skips(0, told.append).leave_out("loss", float("nan"), 1234, ROWS, 1200)
    assert caught.value.faults[0].code == "not-finite"
    assert caught.value.faults[0].hint.endswith(f"{ROWS[SHOWN - 1]}, and 3 more")
    assert not told


def test_as_many_as_allowed_and_one_more():
    """Each is told with its rows and how many are left; the error says how many went before."""
    told = []
    skips = Skips(2, told.append)
    skips.leave_out("loss", float("inf"), 3, ["a", "b"], None)
    skips.leave_out("gradients' norm", float("inf"), 9, ["c"], None)
    assert told == [
        "step 3 was skipped, as the loss is inf: 1 more may be; its rows were a, b",
        "step 9 was skipped, as the gradients' norm is inf: 0 more may be; its rows were c",
    ]
    with pytest.raises(StageFailed, match=r"there is no checkpoint yet; 2 of 2 were skipped before it"):
        skips.leave_out("loss", float("nan"), 10, ["d"], None)
    assert skips.count == 2
