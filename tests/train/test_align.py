"""Every method through the real loop, over cached numbers."""

import json
import math
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoConfig  # noqa: E402

from drdoctl.core.errors import IntegrityError  # noqa: E402
from drdoctl.core.progress import StopRequested  # noqa: E402
from drdoctl.methods import methods  # noqa: E402
from drdoctl.train import align, logps, sft  # noqa: E402
from drdoctl.train.models import load_policy, new_head  # noqa: E402
from drdoctl.train.rows import TokenRows  # noqa: E402
from drdoctl.train.schedule import Order, mismatched  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402

VARIANTS = [
    {"name": "e-dpo", "beta": 0.1, "members": 3, "ensemble_min": "batch"},
    {"name": "e-dpo", "beta": 0.1, "members": 3, "ensemble_min": "example"},
    {"name": "e-dpo", "beta": 0.1, "members": 3, "ensemble_min": "batch", "gamma": 0.1, "kl_samples": 1},
    {"name": "p-dpo", "kl_samples": 2},
    {"name": "drdo", "alpha": 0.1, "gamma": 2.0, "reference": False},
    {"name": "drdo", "alpha": 0.1, "gamma": 2.0, "log_prob": "mean"},
    {"name": "drdo", "alpha": 0.1, "gamma": 2.0, "reward": "head", "head_learning_rate": 1e-3},
    {"name": "drdo", "alpha": 0.2, "gamma": 2.0, "reward": "head", "head_max_grad_norm": 0.5},
    {"name": "drdo", "alpha": 0.1, "gamma": 2.0, "reference": True, "reward_scale": "std"},
]


def told(method) -> str:
    return "-".join(str(value) for key, value in method.items() if isinstance(value, str) or key == "kl_samples")


METHODS = [{"name": name} for name in methods()] + VARIANTS


def lines(job) -> list[dict]:
    return [json.loads(line) for line in (Path(job.out) / "metrics.jsonl").read_text().splitlines()]


def result(job) -> tuple[bytes, bytes]:
    return (Path(job.out) / "model.safetensors").read_bytes(), (Path(job.out) / "metrics.jsonl").read_bytes()


@pytest.mark.parametrize("method", METHODS, ids=told)
def test_method_trains_and_resumes_bitwise(method, make_job):
    """Each method runs, logs finite numbers, and a stop in the middle changes no bit, running statistics included."""
    whole = make_job("align", "whole", method=method)
    align.run(whole)
    assert all(math.isfinite(value) for line in lines(whole) for value in line.values())
    stopped = make_job("align", "stopped", method=method, resources={"checkpoint_steps": 2})
    for _ in range(8):
        Path(stopped.out, "stop").touch()
        try:
            align.run(stopped)
            break
        except StopRequested:
            continue
    assert result(stopped) == result(whole)
    head = Path(whole.out) / "reward_head.safetensors"
    assert head.exists() == (method.get("reward") == "head")


def test_a_weight_grows_over_the_steps(make_job):
    """The share of the steps that are done reaches the loss: p-DPO's gamma goes up in equal parts, from its start."""
    job = make_job("align", method={"name": "p-dpo", "gamma": 0.6, "gamma_start": 0.0})
    align.run(job)
    assert [line["gamma"] for line in lines(job)] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize(
    "method",
    [
        {"name": "kto"},
        {"name": "p-dpo", "kl_samples": 2},
        *({"name": "e-dpo", "ensemble_min": least} for least in ("dataset", "batch", "example")),
    ],
    ids=told,
)
def test_micro_batches_do_not_matter_to_what_a_whole_batch_decides(method, make_job):
    """Least members and reference points are the global batch's, not the micro-batch's: 1 x 8 is 8 x 1."""
    jobs = [make_job("align", f"m{size}", method=method, resources={"micro_batch": size}) for size in (1, 8)]
    for job in jobs:
        align.run(job)
    one, eight = ([line["loss"] for line in lines(job)] for job in jobs)
    assert one == pytest.approx(eight, rel=1e-4)


def test_dpo_starts_at_ln_2(make_job):
    """With the start model's own cached log-probabilities the first DPO loss is ln 2, and h is 0."""
    base = make_job("sft", "base", settings={"student.sft.max_steps": 2})
    sft.run(base)
    reference = make_job("logps", "reference", inputs={"policy": base.out})
    logps.run(reference)
    job = make_job(
        "align", "dpo", method={"name": "dpo", "beta": 0.1}, inputs={"policy": base.out, "logps": reference.out}
    )
    align.run(job)
    assert lines(job)[0]["loss"] == pytest.approx(math.log(2), abs=1e-6)
    assert lines(job)[0]["implicit_margin"] == pytest.approx(0, abs=1e-5)
    assert lines(job)[-1]["loss"] < math.log(2)


def test_kto_measures_against_what_it_says_to_any_prompt(make_job):
    """z0 is 0 at the reference; a step later it rests on the batch's mean log-ratio of prompts before other answers."""
    base = make_job("sft", "base", settings={"student.sft.max_steps": 2})
    sft.run(base)
    roles = {"policy": base.out}
    for name, settings in (("logps", {}), ("mismatched", {"logps.of": "mismatched"})):
        reference = make_job("logps", name, inputs={"policy": base.out}, settings=settings)
        logps.run(reference)
        roles[name] = reference.out
    method = {"name": "kto", "beta": 0.1}
    for steps in (1, 2):
        settings = {"train.max_steps": steps, "train.scheduler": "constant", "train.learning_rate": 3e-2}
        align.run(make_job("align", f"kto-{steps}", method=method, inputs=roles, settings=settings))
    job = make_job("align", "kto-2", method=method, inputs=roles)
    assert lines(job)[0]["reference_point"] == pytest.approx(0, abs=1e-5)
    assert lines(job)[0]["loss"] == pytest.approx(0.5, abs=1e-6)
    rows, seed = TokenRows(Path(job.inputs["data"]), "train", "student", ("chosen", "rejected")), job.settings["seed"]
    batch, others = Order(len(rows), 8, seed).batch(1), mismatched(len(rows), seed)
    items = [(rows.item(row)[0], rows.item(others[row])[1]) for row in batch]
    now, then = (
        score_batch(load_policy({"path": one}).eval(), items, "fp32", logp=True)
        for one in (str(Path(job.out).parent / "kto-1"), base.out)
    )
    assert abs((now - then).mean()) > 0.1
    assert lines(job)[1]["mismatched_log_ratio"] == pytest.approx((now - then).mean(), abs=1e-5)
    assert lines(job)[1]["reference_point"] == max(0.0, lines(job)[1]["mismatched_log_ratio"])


def test_rows_of_another_dataset_are_refused(make_job, tmp_path):
    """Cached numbers whose row ids differ from the training data's are never joined by position."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    job = make_job("align", method={"name": "dpo", "beta": 0.1})
    table = pq.read_table(Path(job.inputs["logps"]) / "train.parquet")
    ids = table["id"].to_pylist()
    other = tmp_path / "other"
    other.mkdir()
    pq.write_table(table.set_column(0, "id", pa.array([ids[1], ids[0], *ids[2:]])), other / "train.parquet")
    with pytest.raises(IntegrityError, match="not those of the training data"):
        align.run(make_job("align", "b", method={"name": "dpo", "beta": 0.1}, inputs={"logps": str(other)}))


@pytest.mark.parametrize("stage", [0, 2])
def test_a_head_may_learn_at_a_rate_of_its_own(stage, make_job):
    """AdamW's first step moves a weight by its learning rate: the head's by its own, and the policy as without it."""
    method = {"name": "drdo", "reward": "head", "detach_trunk": True}
    settings = {"train.max_steps": 1, "train.scheduler": "constant", "train.weight_decay": 0.0}
    found = []
    for name, own in (("same", {}), ("own", {"head_learning_rate": 3e-3})):
        job = make_job("align", name, method={**method, **own}, settings=settings, resources={"zero_stage": stage})
        align.run(job)
        found.append([load_file(Path(job.out) / file) for file in ("model.safetensors", "reward_head.safetensors")])
    (policy, head), (other, apart) = found
    assert all(torch.equal(policy[name], other[name]) for name in policy)
    begun = new_head(AutoConfig.from_pretrained(job.out), job.settings["seed"]).weight
    moved, less = ((weights["weight"] - begun).abs() for weights in (head, apart))
    assert moved.median().item() == pytest.approx(1e-2, rel=0.02)
    assert less.median().item() == pytest.approx(3e-3, rel=0.02)


FROZEN = {"train.learning_rate": 1e-12, "train.scheduler": "constant", "train.weight_decay": 0.0}
"""A student that stays where it is, so that only its head learns."""
HEAD = {"name": "drdo", "reward": "head", "detach_trunk": True, "head_learning_rate": 1e-2}


def learnt_head(make_job, run, limit, settings=None, **resources):
    """Train the head of a frozen student; return it and its gradient's norms."""
    job = make_job(
        "align",
        f"head-{limit}-{settings}-{resources}".replace(" ", ""),
        method={**HEAD, "head_max_grad_norm": limit},
        settings={**FROZEN, **(settings or {})},
        resources=resources,
    )
    run(job)
    norms = [line["head_grad_norm"] for line in lines(job)]
    return load_file(Path(job.out) / "reward_head.safetensors")["weight"], norms


def test_a_head_with_a_limit_of_its_own_does_not_heed_the_trunks(make_job):
    """Its norm is that of its own gradient, and its way the same, however strongly all gradients are clipped."""
    free, norms = learnt_head(make_job, align.run, 1e9)
    held, same = learnt_head(make_job, align.run, 1e9, {"train.max_grad_norm": 1e-4})
    assert same == pytest.approx(norms, rel=1e-5)
    torch.testing.assert_close(held, free, rtol=1e-4, atol=1e-6)
    limit = sorted(norms)[len(norms) // 2]
    clipped, first = learnt_head(make_job, align.run, limit)
    assert first[0] == pytest.approx(norms[0], rel=1e-6)
    assert (clipped - free).abs().max() > 1e-4


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_zero_stages_clip_a_head_alike(stage, make_job):
    """Where ZeRO holds the head's gradient in parts, its limit is that of the whole."""
    whole, norms = learnt_head(make_job, align.run, 0.5, {"train.max_grad_norm": 0.01})
    parts, same = learnt_head(make_job, align.run, 0.5, {"train.max_grad_norm": 0.01}, zero_stage=stage)
    assert same == pytest.approx(norms, rel=1e-5)
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("stage", [0, 1, 3])
def test_two_processes_clip_a_head_as_one(stage, make_job, run_job):
    """The norm is over both processes' parts."""

    def two(job):
        assert run_job(job) == [0, 0]

    whole, norms = learnt_head(make_job, align.run, 0.5)
    parts, same = learnt_head(make_job, two, 0.5, processes=2, zero_stage=stage)
    assert same == pytest.approx(norms, rel=1e-4)
    torch.testing.assert_close(parts, whole, rtol=1e-3, atol=1e-5)


def test_detached_head_leaves_the_policy_to_the_contrast(make_job):
    """With the head on a detached trunk the policy learns what the contrast alone teaches."""
    common = {"name": "drdo", "alpha": 1.0, "gamma": 2.0}
    detached = make_job("align", "detached", method={**common, "reward": "head", "detach_trunk": True})
    alone = make_job("align", "alone", method={**common, "distillation": False})
    for job in (detached, alone):
        align.run(job)
    one, other = (load_file(Path(job.out) / "model.safetensors") for job in (detached, alone))
    assert max((one[name] - other[name]).abs().max().item() for name in one) < 1e-3
