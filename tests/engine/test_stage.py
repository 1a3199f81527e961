import json
import os

import pytest

from drdoctl.core.errors import IntegrityError, StageFailed, UserError, ZooError
from drdoctl.engine import stage
from drdoctl.engine.stage import failure, metrics_of, spent_before
from drdoctl.engine.watch import Ending
from drdoctl.engine.worker import NO_ROOM, OUT_OF_MEMORY
from drdoctl.plan.types import Estimate

RESOURCES = {"timeout_minutes": 30.0}


@pytest.mark.parametrize(("code", "kind"), [(1, StageFailed), (2, UserError), (4, ZooError), (5, IntegrityError)])
def test_a_childs_own_words_keep_their_exit_code(tmp_path, code, kind):
    """What the child said arrives as the error class of its exit code, the place before the message."""
    fault = {"code": "x", "message": "row is empty", "where": "a.jsonl:3", "hint": "mend it"}
    (tmp_path / "failure.json").write_text(json.dumps({"exit_code": code, "faults": [fault]}))
    error = failure("data", tmp_path, Ending(code), RESOURCES)
    assert type(error) is kind
    assert (error.faults[0].message, error.faults[0].hint) == ("a.jsonl:3: row is empty", "mend it")


def test_a_killed_rank_is_the_cause_and_not_what_the_others_saw(tmp_path):
    """When a rank died of a signal, that is the fault, whatever its peers wrote; and `status` can read it."""
    (tmp_path / "failure.json").write_text(json.dumps({"exit_code": 1, "faults": [{"code": "x", "message": "peer"}]}))
    error = failure("sft", tmp_path, Ending(137, signal=9, rank=1), RESOURCES)
    assert error.faults[0].message == "rank 1 of `sft` was killed by signal 9 (SIGKILL)"
    assert json.loads((tmp_path / "failure.json").read_text())["faults"][0]["code"] == "killed"


def test_a_silent_end_is_still_an_error(tmp_path):
    """A child that ends badly without a word is reported with its exit code."""
    assert "exit code 3" in str(failure("sft", tmp_path, Ending(3), RESOURCES))


def test_a_silent_end_for_want_of_memory(tmp_path):
    """What the loader or the C++ library wrote last is the reason; what was written long before is none."""
    log = tmp_path / "log.txt"
    log.write_text("loading\ncannot allocate memory for thread-local data: ABORT\n")
    (fault,) = failure("data", tmp_path, Ending(127), RESOURCES).faults
    assert (fault.code, fault.hint) == ("out-of-memory", OUT_OF_MEMORY)
    assert fault.message == "`data` ran out of memory: cannot allocate memory for thread-local data: ABORT"
    log.write_text("terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc\n")
    (fault,) = failure("data", tmp_path, Ending(134, signal=6), RESOURCES).faults
    assert fault.message == "`data` was killed by signal 6 (SIGABRT)"
    assert OUT_OF_MEMORY in fault.hint
    log.write_text("cannot allocate memory\n" + "step\n" * 5)
    (tmp_path / "failure.json").unlink()
    assert failure("data", tmp_path, Ending(127), RESOURCES).faults[0].code == "stage-died"
    assert failure("data", tmp_path, Ending(134, signal=6), RESOURCES).faults[0].hint is None


def test_time_spent_adds_up_over_interruptions(tmp_path):
    """The time of interrupted runs is what the last one said of all of them, or what it was told when it said none."""
    assert spent_before(tmp_path) == 0
    (tmp_path / "job.json").write_text(json.dumps({"spent": 10.0}))
    assert spent_before(tmp_path) == 10
    (tmp_path / "progress.json").write_text(json.dumps({"step": 3, "seconds": 17}))
    assert spent_before(tmp_path) == 17
    (tmp_path / "job.json").write_text(json.dumps({"spent": 20.0}))  # an old report: this run said nothing yet
    assert spent_before(tmp_path) == 20


def test_the_times_of_files_are_no_time_spent(tmp_path):
    """A clock that was set, or a touched file, changes nothing; what is no number of seconds is unknown."""
    (tmp_path / "job.json").write_text(json.dumps({"spent": 10.0}))
    for told in ({"step": 3}, {"seconds": -5}, {"seconds": float("inf")}, {"seconds": "9"}, {"seconds": True}, []):
        (tmp_path / "progress.json").write_text(json.dumps(told))
        os.utime(tmp_path / "progress.json", (9e9, 9e9))
        assert spent_before(tmp_path) == 10, told


def test_metrics_are_the_last_line_and_the_work_estimated(tmp_path):
    """The manifest's metrics are the last of `metrics.jsonl`, with FLOPs and tokens where the plan knows them."""
    assert metrics_of(tmp_path, Estimate()) == {}
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "loss": 1.0}\n')
    assert metrics_of(tmp_path, Estimate(flops=1e9, tokens=5)) == {"step": 2, "loss": 1.0, "flops": 1e9, "tokens": 5}
    (tmp_path / "metrics.jsonl").write_text('{"torn')
    assert metrics_of(tmp_path, Estimate()) == {}


def test_a_child_that_could_not_say_why_on_a_full_disk(tmp_path, monkeypatch):
    """Without a word from the child a full disk is the reason, and that this cannot be written down changes nothing."""
    ending = Ending(1)
    assert failure("sft", tmp_path, ending, {}).faults[0].code == "stage-died"
    (tmp_path / "failure.json").unlink()
    monkeypatch.setattr("drdoctl.core.files.free_bytes", lambda path: 0)

    def full(*_):
        raise StageFailed("No space left on device", code="disk")

    monkeypatch.setattr(stage, "write_json", full)
    fault = failure("sft", tmp_path, ending, {}).faults[0]
    assert fault.code == "disk"
    assert str(tmp_path) in fault.message


def test_a_child_that_had_no_room_to_say_why(tmp_path):
    """Its exit code tells of the full disk, though its end has made room again."""
    error = failure("sft", tmp_path, Ending(NO_ROOM), RESOURCES)
    assert error.faults[0].code == "disk"
    assert "No space left on device" in str(error)
