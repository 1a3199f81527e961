import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from drdoctl.core.errors import Fault, StageFailed, UserError, Where
from drdoctl.engine import worker
from drdoctl.stages import Job


@pytest.fixture
def job(tmp_path):
    """Return a job whose folder in progress is there."""
    return Job("sft", "sft", "sft-1", {}, {}, {}, {}, str(tmp_path))


@pytest.mark.parametrize(
    ("error", "code", "fault"),
    [
        (RuntimeError("a\nb"), 1, {"code": "stage-crashed", "message": "RuntimeError: a b"}),
        (MemoryError(), 1, {"code": "out-of-memory", "hint": worker.OUT_OF_MEMORY}),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: x"), 1, {"code": "out-of-memory"}),
        (UserError([Fault("x", "y", Where("a.jsonl", 3))]), 2, {"code": "x", "message": "y", "where": "a.jsonl:3"}),
        (SystemExit("bye"), 1, {"code": "stage-crashed", "message": "SystemExit: bye"}),
    ],
)
def test_whatever_a_stage_raises_reaches_the_parent(job, capfd, error, code, fault):
    """The fault and the exit code lie in `failure.json`, and the traceback is in the output."""
    assert worker.report(job, error) == code
    told = json.loads(job.path("failure.json").read_text())
    assert told["exit_code"] == code
    assert told["faults"][0].items() >= fault.items()
    assert type(error).__name__ in capfd.readouterr().err


def test_the_first_rank_that_fails_has_the_word(job, monkeypatch, capfd):
    """A second failure, which follows from the first, does not replace its cause."""
    monkeypatch.setenv("RANK", "1")
    worker.report(job, ValueError("the cause"))
    monkeypatch.setenv("RANK", "0")
    worker.report(job, ConnectionError("peer is gone"))
    told = json.loads(job.path("failure.json").read_text())
    assert (told["rank"], told["faults"][0]["message"]) == (1, "ValueError: the cause")
    assert [path.name for path in job.path().iterdir()] == ["failure.json"]
    assert "FileExistsError" not in capfd.readouterr().err


def test_a_signal_to_the_child_asks_for_a_stop_and_keeps_the_first_name(job):
    """SIGTERM to a rank is the same wish as a stop from the parent."""
    worker.ask_to_stop(job, "SIGTERM")
    worker.ask_to_stop(job, "SIGINT")
    assert job.path("stop").read_text() == "SIGTERM"


def test_a_child_outlives_its_parent_by_little(tmp_path):
    """A child that is no direct child of the apply, as under the launcher, ends within seconds of the apply's death."""
    here = str(Path(__file__).parents[2])
    child = "import sys, time; from drdoctl.engine.worker import die_with; die_with(int(sys.argv[1])); "
    child += "open(sys.argv[2], 'w').write('up'); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    flag = tmp_path / "up"
    orphan = subprocess.Popen(
        [sys.executable, "-c", child, str(parent.pid), str(flag)],
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": here},
    )
    deadline = time.monotonic() + 20
    while not flag.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert orphan.poll() is None
    parent.kill()
    assert orphan.wait(10) == -9
    parent.wait()


def test_a_full_disk_is_named_whoever_says_it(job):
    """An error of a library that holds the reason in its text alone is the disk's fault, with the stage's folder."""
    worker.report(job, RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"))
    (fault,) = json.loads(job.path("failure.json").read_text())["faults"]
    assert (fault["code"], job.out in fault["message"]) == ("disk", True)


class Full:
    """A log on a disk without room."""

    def write(self, text):
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self):
        """Do nothing: nothing was taken."""


@pytest.mark.parametrize("error", [StageFailed("no room", code="disk"), ValueError("the cause")])
def test_a_log_without_room_hides_no_fault(job, monkeypatch, error):
    """Where the log takes nothing more, the faults still reach the parent."""
    monkeypatch.setattr(sys, "stderr", Full())
    assert worker.report(job, error) == 1
    assert str(error) in json.loads(job.path("failure.json").read_text())["faults"][0]["message"]


def test_faults_without_room_are_an_exit_code(job, monkeypatch):
    """Where not even the faults can be written, the exit code says that there was no room."""

    def full(path, text, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert worker.report(job, ValueError("the cause")) == worker.NO_ROOM
    assert list(job.path().iterdir()) == []


def test_a_stop_is_asked_for_even_where_no_byte_fits(job, monkeypatch):
    """On a full disk the file of a stop is made and stays empty, which is enough."""
    write = Path.write_text

    def full(path, text, **options):
        write(path, "", **options)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    worker.ask_to_stop(job, "SIGTERM")
    assert job.path("stop").read_text() == ""


def test_what_configurations_import_is_there_before_the_data_stage():
    """After the data stage's modules a model's configuration imports next to nothing, so that a fork need not."""
    told = (
        "import sys\n"
        "from drdoctl.core.imports import import_all\n"
        "from drdoctl.engine.worker import modules\n"
        "import_all(modules('data'))\n"
        "before = len(sys.modules)\n"
        "from transformers import LlamaConfig, OPTConfig\n"
        "print(len(sys.modules) - before)\n"
    )
    found = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert int(found.stdout) < 20
