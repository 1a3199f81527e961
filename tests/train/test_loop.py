"""The one loop: resume, micro-batches, processes and ZeRO stages must not change what is learned."""

import dataclasses
import json
import shutil
import signal
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from deepspeed.runtime.engine import DeepSpeedEngine  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from drdoctl.core.errors import Refused  # noqa: E402
from drdoctl.core.progress import StopRequested  # noqa: E402
from drdoctl.train import checkpoint, loop  # noqa: E402


def weights(job) -> dict:
    return load_file(Path(job.out) / "model.safetensors")


def result(job) -> tuple[bytes, bytes]:
    return (Path(job.out) / "model.safetensors").read_bytes(), (Path(job.out) / "metrics.jsonl").read_bytes()


def distance(one: dict, other: dict) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


def losses(job) -> list[float]:
    return [json.loads(line)["loss"] for line in (Path(job.out) / "metrics.jsonl").read_text().splitlines()]


def body(job) -> None:
    from drdoctl.train import sft

    sft.run(job)


@pytest.fixture
def alone(make_job):
    """An uninterrupted run in this process."""
    job = make_job("sft", "alone")
    body(job)
    return job


def test_a_process_alone_lays_no_gradients_out_flat(alone, make_job, monkeypatch):
    """Nothing is reduced in a world of one, and what is learnt is, bit for bit, what DeepSpeed's buckets give."""
    flat, begin = [], loop.ds.initialize
    reduce = DeepSpeedEngine.allreduce_bucket

    def spied(*given, **more):
        flat.append(1)
        return reduce(*given, **more)

    def reducing(*given):
        engine = begin(*given)
        engine.enable_backward_allreduce = True
        return engine

    monkeypatch.setattr(DeepSpeedEngine, "allreduce_bucket", spied)
    body(make_job("sft", "again"))
    assert not flat
    monkeypatch.setattr(loop.ds, "initialize", reducing)
    job = make_job("sft", "reduced")
    body(job)
    assert flat
    assert result(job) == result(alone)


def test_loss_falls(alone):
    """Six steps of imitation lower the loss, and every step leaves one line."""
    lines = [json.loads(line) for line in (Path(alone.out) / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"] - 0.5
    assert all(line["grad_norm"] > 0 for line in lines)


def test_stopped_and_resumed_is_bitwise_the_same(alone, make_job):
    """A run that is stopped after every step and resumed gives the same weights and metrics, bit for bit."""
    job = make_job("sft", "stopped")
    stop = Path(job.out, "stop")
    stops = 0
    for _ in range(10):
        stop.touch()
        try:
            body(job)
            break
        except StopRequested:
            stops += 1
    assert stops == 5
    assert result(job) == result(alone)


def test_damaged_checkpoint_is_passed_over(alone, make_job):
    """With one flipped bit in the newest checkpoint, the run goes on from the one before, to the same result."""
    job = make_job("sft", "damaged", resources={"checkpoint_steps": 2})
    body(job)
    newest = max(Path(job.out, "checkpoints").glob("step-*"))
    shard = next(newest.glob("*.pt"))
    raw = bytearray(shard.read_bytes())
    raw[len(raw) // 2] ^= 1
    shard.write_bytes(bytes(raw))
    Path(job.out, "model.safetensors").unlink()
    body(job)
    notes = json.loads(Path(job.out, "progress.json").read_text())["notes"]
    assert notes == ["the checkpoint at step 4 is damaged or not whole: training goes on from step 2"]
    assert result(job) == result(alone)


def test_micro_batches_do_not_matter(alone, make_job):
    """1 x 8 equals 8 x 1 to rounding."""
    job = make_job("sft", "ones", resources={"micro_batch": 1})
    body(job)
    assert distance(weights(job), weights(alone)) < 1e-3
    assert losses(job) == pytest.approx(losses(alone), rel=1e-5)


def test_gradient_checkpointing_is_bitwise_the_same(alone, make_job):
    """Recomputing activations changes no bit."""
    job = make_job("sft", "checkpointing", resources={"gradient_checkpointing": True})
    body(job)
    assert result(job) == result(alone)


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_zero_stages_agree(alone, make_job, stage):
    """ZeRO 1, 2 and 3 learn what stage 0 learns, to rounding."""
    job = make_job("sft", f"zero{stage}", resources={"zero_stage": stage})
    body(job)
    assert distance(weights(job), weights(alone)) < 1e-3


def test_offload_agrees(alone, make_job):
    """An optimizer in the CPU's memory learns the same."""
    job = make_job("sft", "offload", resources={"zero_stage": 2, "offload": "optimizer"})
    body(job)
    assert distance(weights(job), weights(alone)) < 1e-3


def test_bf16_first_update_is_a_full_one(make_job):
    """bf16 at stage 0 takes no phantom optimizer step: the first update is as long as in float32."""
    lengths = []
    for dtype in ("fp32", "bf16"):
        settings = {"student.dtype": dtype, "student.sft.max_steps": 1, "student.sft.weight_decay": 0.0}
        before = make_job("sft", f"before-{dtype}", settings={**settings, "student.sft.learning_rate": 1e-12})
        after = make_job("sft", f"after-{dtype}", settings=settings)
        for job in (before, after):
            body(job)
        moved = torch.cat([(weights(after)[n] - weights(before)[n]).flatten() for n in weights(after)])
        lengths.append(moved.abs().max().item())
    assert lengths == pytest.approx([1e-2, 1e-2], rel=0.02)


def test_not_finite_loss_stops_and_names_rows(make_job):
    """A learning rate that blows the model up ends in an error that names the step and its rows; nothing is saved."""
    from drdoctl.core.errors import StageFailed

    job = make_job("sft", "nan", settings={"student.sft.learning_rate": 1e30, "student.sft.max_grad_norm": 1e30})
    with pytest.raises(
        StageFailed, match=r"the (loss|gradients' norm) is .* at step .* there is no checkpoint yet"
    ) as caught:
        body(job)
    assert "train-" in caught.value.faults[0].hint
    assert not Path(job.out, "model.safetensors").exists()


@pytest.mark.parametrize("stage", [0, 2])
def test_gradients_that_are_not_finite_stop_before_anything_is_saved(make_job, monkeypatch, stage):
    """A finite loss with an infinite gradient ends the step it comes in, and names the last good checkpoint."""
    from drdoctl.core.errors import StageFailed

    job = make_job("sft", "inf", resources={"zero_stage": stage, "checkpoint_steps": 1})
    begin = loop.ds.initialize

    def spoilt(*given):
        engine = begin(*given)
        plain = engine.backward
        engine.backward = lambda loss, **more: plain(loss * float("inf") if engine.global_steps == 2 else loss, **more)
        return engine

    monkeypatch.setattr(loop.ds, "initialize", spoilt)
    with pytest.raises(StageFailed, match=r"the gradients' norm is .* at step 3; .* checkpoint is at step 2"):
        body(job)
    assert max(int(path.name[5:]) for path in Path(job.out, "checkpoints").glob("step-*")) == 2


def spoil_step(monkeypatch, step: int, *, loss: bool) -> None:
    """Make the gradients of the step after `step` infinite, or its loss NaN."""
    begin, taken = loop.ds.initialize, loop.Trainer._one_step
    at = {}

    def spoilt(*given):
        engine = begin(*given)
        plain = engine.backward
        factor = float("inf")
        engine.backward = lambda total, **more: plain(total * factor if at["step"] == step else total, **more)
        return engine

    def told(trainer):
        at["step"] = trainer.step
        if loss:
            usual = trainer.task.loss
            bad = dataclasses.replace(trainer.task, loss=lambda *given: _nan(usual(*given), at["step"] == step))
            trainer.task = bad
            try:
                return taken(trainer)
            finally:
                trainer.task = dataclasses.replace(bad, loss=usual)
        return taken(trainer)

    if not loss:
        monkeypatch.setattr(loop.ds, "initialize", spoilt)
    monkeypatch.setattr(loop.Trainer, "_one_step", told)


def _nan(out, spoilt: bool):
    # finite gradients: what is not finite is the number alone
    return dataclasses.replace(out, losses=out.losses + float("nan")) if spoilt else out


@pytest.mark.parametrize("loss", [False, True])
@pytest.mark.parametrize("stage", [0, 2, 3])
def test_a_step_that_is_not_finite_can_be_skipped(make_job, monkeypatch, stage, loss):
    """It changes nothing at any ZeRO stage, the metrics say it, and a resume counts it; one more ends the stage."""
    spoil_step(monkeypatch, 2, loss=loss)
    allowed = {"student.sft.skip_not_finite": 1}
    whole = make_job("sft", "whole", settings=allowed, resources={"zero_stage": stage})
    body(whole)
    lines = [json.loads(line) for line in Path(whole.out, "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert [line.get("skipped", 0.0) for line in lines] == [0, 0, 1, 0, 0, 0]
    assert "grad_norm" not in lines[2]
    assert ("loss" in lines[2]) != loss
    before = make_job("sft", "before", settings=allowed, resources={"zero_stage": stage, "checkpoint_steps": 1})
    body(before)
    assert result(before) == result(whole)
    for folder in Path(before.out, "checkpoints").glob("step-*"):
        assert checkpoint.newest(folder.parent, lambda text: None).state["skipped"] == 1
    learnt = weights(whole)
    reference = make_job("sft", "reference", settings=allowed)
    body(reference)
    assert distance(learnt, weights(reference)) < 1e-5
    monkeypatch.undo()
    plain = make_job("sft", "plain", settings=allowed, resources={"zero_stage": stage})
    body(plain)
    assert distance(learnt, weights(plain)) > 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 3])
def test_two_processes_learn_the_same_and_resume_bitwise(stage, alone, make_job, run_job):
    """Two processes agree with one to rounding; stopped and resumed, they agree bitwise with themselves."""
    resources = {"processes": 2, "zero_stage": stage}
    two = make_job("sft", "two", resources=resources)
    assert run_job(two) == [0, 0]
    assert losses(two) == pytest.approx(losses(alone), rel=1e-4 if stage == 3 else 1e-5)
    stopped = make_job("sft", "two-stopped", resources=resources)
    Path(stopped.out, "stop").touch()
    assert run_job(stopped) == [75, 75]
    Path(stopped.out, "stop").unlink()
    assert run_job(stopped) == [0, 0]
    assert result(stopped) == result(two)


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_another_number_of_processes_goes_on(stage, before, after, alone, make_job, run_job):
    """Of two processes one goes on, and of one two: with the same rows, to rounding, and the metrics say from where."""
    job = make_job("sft", "moved", resources={"processes": before, "zero_stage": stage})
    stop = Path(job.out, "stop")
    stop.touch()
    assert run_job(job) == [75] * before
    stop.unlink()
    job = make_job("sft", "moved", resources={"processes": after, "zero_stage": stage, "checkpoint_steps": 2})
    assert run_job(job) == [0] * after
    assert losses(job) == pytest.approx(losses(alone), rel=1e-4)
    assert distance(weights(job), weights(alone)) < 1e-3
    lines = [json.loads(line) for line in Path(job.out, "metrics.jsonl").read_text().splitlines()]
    assert [line.get(loop.INEXACT) for line in lines] == [None] + [1.0] * 5
    (note,) = json.loads(Path(job.out, "progress.json").read_text())["notes"]
    those = "one process" if before == 1 else f"{before} processes"
    assert f"step 1 is of {those} at ZeRO stage {stage}, and {after} go on" in note
    assert not Path(job.out, "checkpoints", "universal").exists()


def stopped(job) -> None:
    """Run a job to its first step, then stop it."""
    stop = Path(job.out, "stop")
    stop.touch()
    with pytest.raises(StopRequested):
        body(job)
    stop.unlink()


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1)])
def test_another_zero_stage_goes_on(before, after, alone, make_job):
    """ZeRO stages 1 and 2 go on from each other's checkpoints: to rounding, and not unsaid."""
    stopped(make_job("sft", "moved", resources={"zero_stage": before}))
    job = make_job("sft", "moved", resources={"zero_stage": after})
    body(job)
    assert losses(job) == pytest.approx(losses(alone), rel=1e-4)
    assert distance(weights(job), weights(alone)) < 1e-3
    assert f"stage {before}, and 1 go on at stage {after}" in Path(job.out, "progress.json").read_text()


@pytest.mark.parametrize(("before", "after"), [(0, 2), (2, 0), (2, 3), (3, 1)])
def test_zero_stages_that_cannot_read_each_other_are_refused(before, after, make_job):
    """An optimizer's state in another form is no internal error: the message names the stage that it takes."""
    stopped(make_job("sft", "moved", resources={"zero_stage": before}))
    with pytest.raises(Refused, match=f"ZeRO stage {before} and cannot be read at {after}") as caught:
        body(make_job("sft", "moved", resources={"zero_stage": after}))
    assert f"resources.zero_stage={before}" in caught.value.faults[0].hint


@pytest.mark.slow
def test_killed_and_resumed_is_bitwise_the_same(alone, make_job, run_job):
    """After kill -9 at the second checkpoint the same job gives the same bits."""
    job = make_job("sft", "killed", resources={"checkpoint_steps": 1}, settings={"student.sft.max_steps": 6})
    (child,) = run_job(job, wait=False)
    deadline = time.monotonic() + 60
    while not (Path(job.out) / "checkpoints" / "step-2" / "manifest.json").exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)
    child.send_signal(signal.SIGKILL)
    child.wait()
    shutil.rmtree(Path(job.out) / "model.safetensors", ignore_errors=True)
    assert run_job(job) == [0]
    assert result(job) == result(alone)


@pytest.mark.parametrize("stage", [0, 1, 2, 3])
def test_token_budgets_do_not_matter(alone, make_job, stage):
    """Micro-batches of a few tokens, whose number differs from step to step, learn the same at every ZeRO stage."""
    job = make_job("sft", f"tokens{stage}", resources={"micro_batch": None, "micro_tokens": 24, "zero_stage": stage})
    body(job)
    assert distance(weights(job), weights(alone)) < 1e-3
    assert losses(job) == pytest.approx(losses(alone), rel=1e-4)
