import errno
import json
import os
from types import SimpleNamespace

import pytest

from drdoctl.core.progress import Progress, begin, stop_requested


@pytest.fixture
def job(tmp_path):
    """Stand in for a job: all that progress needs is the folder."""
    return SimpleNamespace(out=str(tmp_path))


def test_first_and_last_step_are_written_and_the_rest_throttled(job, tmp_path):
    """The file shows the first step at once, skips what comes too soon, and always shows the last step."""
    progress = Progress(job, interval=60)
    progress.update(1, 3, loss=0.5)
    assert json.loads((tmp_path / "progress.json").read_text())["step"] == 1
    progress.update(2, 3, loss=0.4)
    assert json.loads((tmp_path / "progress.json").read_text())["step"] == 1
    progress.update(3, 3, loss=0.3)
    written = json.loads((tmp_path / "progress.json").read_text())
    assert (written["step"], written["steps"], written["unit"], written["loss"]) == (3, 3, "step", 0.3)


def test_rates_follow_the_clock(job, tmp_path, monkeypatch):
    """Two steps of 100 tokens a second with eight to go read as 100 tokens/s and eight seconds left."""
    clock = iter([10.0, 11.0, 12.0])
    monkeypatch.setattr("drdoctl.core.progress.time.monotonic", lambda: next(clock))
    progress = Progress(job, interval=0)
    for step in range(3):
        progress.update(step, 10, tokens=100)
    written = json.loads((tmp_path / "progress.json").read_text())
    assert written["tokens_per_second"] == pytest.approx(100)
    assert written["seconds_left"] == pytest.approx(8)


def test_work_of_unknown_length_has_no_end(job, tmp_path, monkeypatch):
    """Where nobody knows how much there is, no end is foretold, and writes stay as rare as ever."""
    clock = iter([10.0, 11.0, 11.1])
    monkeypatch.setattr("drdoctl.core.progress.time.monotonic", lambda: next(clock))
    progress = Progress(job, interval=0.5)
    for rows in (512, 1024, 1536):
        progress.update(rows, 0, unit="row")
    written = json.loads((tmp_path / "progress.json").read_text())
    assert (written["step"], written["steps"], written["seconds_left"]) == (1024, 0, None)


def test_the_clock_of_a_stage_goes_on(job, tmp_path, monkeypatch):
    """Once begun, every report says how many seconds all runs took, by a clock that nobody sets."""
    clock = iter([10.0, 12.5, 13.0])
    monkeypatch.setattr("drdoctl.core.progress.time.monotonic", lambda: next(clock))
    begin(job, 40.0)
    progress = Progress(job, interval=0)
    for seconds in (42.5, 43.0):
        progress.update(1, 10)
        assert json.loads((tmp_path / "progress.json").read_text())["seconds"] == seconds


def test_checkpoint_is_written_at_once_and_kept(job, tmp_path):
    """A checkpoint's step reaches the file however recent the last write, and stays in later ones."""
    progress = Progress(job, interval=60)
    progress.update(4, 9)
    progress.checkpointed(4)
    assert json.loads((tmp_path / "progress.json").read_text())["checkpoint"] == 4
    progress.update(9, 9)
    assert json.loads((tmp_path / "progress.json").read_text())["checkpoint"] == 4


def test_only_rank_zero_writes(job, tmp_path, monkeypatch):
    """Other ranks keep silent, so that the file has one writer."""
    monkeypatch.setenv("RANK", "1")
    Progress(job).update(1, 1)
    assert not (tmp_path / "progress.json").exists()


def test_a_loss_that_is_not_finite_is_not_written_as_invalid_json(job, tmp_path):
    """NaN and infinity become null: the file stays JSON."""
    progress = Progress(job, interval=0)
    for loss in (float("nan"), float("inf")):
        progress.update(1, 2, loss=loss)
        assert json.loads((tmp_path / "progress.json").read_text())["loss"] is None


def test_stop_is_a_file(job, tmp_path):
    """`stop_requested` says yes exactly when the parent has put the file there."""
    assert not stop_requested(job)
    (tmp_path / "stop").touch()
    assert stop_requested(job)


def test_a_full_disk_is_no_reason_to_fail_and_life_still_shows(job, tmp_path, monkeypatch, capfd):
    """Where there is no room for a report the work goes on, and the file's time says that there is life."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    progress = Progress(job, interval=0)
    progress.update(1, 9)
    files = [tmp_path / "progress.json", tmp_path / "beats" / "0"]
    for file in files:
        os.utime(file, (1000, 1000))

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.write_text", full)
        progress.update(2, 9)
        progress.checkpointed(2)
        patched.setattr("builtins.print", full)
        progress.note("the disk is full")
    assert all(file.stat().st_mtime > 1000 for file in files)
    progress.update(3, 9)
    told = json.loads(files[0].read_text())
    assert (told["step"], told["notes"]) == (3, ["the disk is full"])


def test_a_folder_that_is_gone_is_no_full_disk(job, tmp_path):
    """What is wrong in another way than by a full disk is not hidden."""
    progress = Progress(job, interval=0)
    tmp_path.rmdir()
    with pytest.raises(FileNotFoundError):
        progress.update(1, 9)
