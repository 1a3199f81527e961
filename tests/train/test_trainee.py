"""Adapters through the training loop: the base stays, resume is exact, and what follows reads the same model."""

import ast
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("peft")

from safetensors.torch import load_file  # noqa: E402

from drdoctl.core.progress import StopRequested  # noqa: E402
from drdoctl.train import align, logps, oracle, rewards, sft  # noqa: E402
from drdoctl.train.models import load_policy  # noqa: E402
from drdoctl.train.places import model_location  # noqa: E402
from drdoctl.train.reward_model import load_reward_model  # noqa: E402
from drdoctl.train.rows import TokenRows  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402

LORA = {"rank": 4, "alpha": 8, "target": ["all-linear"], "quantize": "none"}
DPO = {"name": "dpo", "beta": 0.1, "label_smoothing": 0.0}


def lora(who: str, **more) -> dict:
    return {f"{who}.lora.{key}": value for key, value in {**LORA, **more}.items()}


def held(job) -> dict:
    return load_file(Path(job.out, "adapter_model.safetensors"))


def losses(job) -> list[float]:
    return [json.loads(line)["loss"] for line in Path(job.out, "metrics.jsonl").read_text().splitlines()]


def files(job) -> tuple[bytes, bytes, bytes]:
    names = ("adapter_model.safetensors", "adapter_config.json", "metrics.jsonl")
    return tuple(Path(job.out, name).read_bytes() for name in names)


def distance(one: dict, other: dict) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


@pytest.fixture
def begun(make_job):
    """An adapter that SFT has trained over a new model."""
    job = make_job("sft", "begun", settings=lora("student"))
    sft.run(job)
    return job


def test_sft_leaves_an_adapter_and_learns(begun):
    """The folder holds rank x (in + out) weights a matrix and no others, a tokenizer, and a loss that fell."""
    assert sorted(path.name for path in Path(begun.out).glob("*.safetensors")) == ["adapter_model.safetensors"]
    hidden, mlp, layers = 32, 96, 2
    wanted = 4 * layers * (4 * 2 * hidden + 3 * (hidden + mlp))
    assert sum(weight.numel() for weight in held(begun).values()) == wanted
    assert losses(begun)[-1] < losses(begun)[0] - 0.3
    assert Path(begun.out, "tokenizer.json").exists()


def test_stopped_and_resumed_is_bitwise_the_same(begun, make_job):
    """Stopped after every step and resumed: the same bits; and no checkpoint holds the frozen base."""
    job = make_job("sft", "stopped", settings=lora("student"))
    stops = 0
    for _ in range(10):
        Path(job.out, "stop").touch()
        try:
            sft.run(job)
            break
        except StopRequested:
            stops += 1
    assert stops == 5
    assert files(job) == files(begun)
    shard = next(Path(job.out, "checkpoints").rglob("*model_states.pt"))
    kept = torch.load(shard, weights_only=True)["module"]
    assert kept
    assert all("lora_" in name for name in kept)


@pytest.mark.parametrize(
    "resources",
    [{"zero_stage": 1}, {"zero_stage": 2, "offload": "optimizer"}, {"zero_stage": 3}, {"gradient_checkpointing": True}],
    ids=lambda given: "-".join(map(str, given.values())),
)
def test_resources_do_not_matter(begun, make_job, resources):
    """ZeRO 1 to 3, offload and recomputed activations learn the same adapter, resumed in the middle as well."""
    job = make_job("sft", "other", settings=lora("student"), resources=resources)
    Path(job.out, "stop").touch()
    with pytest.raises(StopRequested):
        sft.run(job)
    Path(job.out, "stop").unlink()
    sft.run(job)
    assert losses(job) == pytest.approx(losses(begun), rel=1e-4)
    assert distance(held(job), held(begun)) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("stage", [2, 3])
def test_another_number_of_processes_goes_on(begun, make_job, run_job, stage):
    """The universal checkpoint holds the adapter alone, and it is enough: the same losses, to rounding."""
    job = make_job("sft", "moved", settings=lora("student"), resources={"processes": 2, "zero_stage": stage})
    Path(job.out, "stop").touch()
    assert run_job(job) == [75, 75]
    Path(job.out, "stop").unlink()
    job = make_job("sft", "moved", settings=lora("student"), resources={"zero_stage": stage})
    assert run_job(job) == [0]
    assert losses(job) == pytest.approx(losses(begun), rel=1e-4)
    assert distance(held(job), held(begun)) < 1e-3


def test_bf16_trains_float32_adapters(make_job):
    """Under autocast the adapter stays in float32 and the loss falls."""
    job = make_job("sft", "bf16", settings={**lora("student"), "student.dtype": "bf16"})
    sft.run(job)
    assert {weight.dtype for weight in held(job).values()} == {torch.float32}
    assert losses(job)[-1] < losses(job)[0] - 0.3


def _dpo(make_job, begun, name, dtype="fp32", **more):
    arithmetic = {"student.dtype": dtype}
    reference = make_job("logps", f"logps-{name}", settings=arithmetic, inputs={"policy": begun.out})
    logps.run(reference)
    settings = {**lora("student", **more), **arithmetic, "train.max_steps": 3}
    inputs = {"policy": begun.out, "logps": reference.out}
    job = make_job("align", name, settings=settings, method=DPO, inputs=inputs)
    align.run(job)
    return job


def test_alignment_goes_on_with_the_adapter_and_merge_changes_nothing(begun, make_job, data):
    """DPO begins at ln 2 over SFT's adapter; merged or not, the student gives the same log-probabilities."""
    merged, apart = _dpo(make_job, begun, "merged", merge=True), _dpo(make_job, begun, "apart", merge=False)
    assert losses(apart)[0] == pytest.approx(np.log(2), abs=1e-6)
    assert losses(merged) == losses(apart)
    assert distance(held(apart), held(begun)) > 1e-3
    assert not Path(merged.out, "adapter_config.json").exists()
    reading = make_job("logps", "reading", inputs={"policy": apart.out})
    items = TokenRows(data, "eval", "student", ("chosen", "rejected")).items(np.arange(6))
    one = score_batch(load_policy(merged.out).eval(), items, "fp32", logp=True)
    two = score_batch(load_policy(model_location(reading, "policy", "student.model")).eval(), items, "fp32", logp=True)
    assert one == pytest.approx(two, rel=1e-6)


def test_under_bfloat16_alignment_begins_at_its_reference(begun, make_job):
    """The reference is read with its adapter beside it: merged, and rounded, it would be another model."""
    assert losses(_dpo(make_job, begun, "bf16", dtype="bf16", merge=False))[0] == pytest.approx(np.log(2), abs=1e-6)


def test_a_student_without_sft_begins_its_adapter_in_alignment(make_job):
    """The adapter begins at nothing: DPO's first loss against the base itself is ln 2."""
    reference = make_job("logps", "reference")
    logps.run(reference)
    settings = {**lora("student", merge=False, target=["q_proj", "v_proj"]), "train.max_steps": 2}
    job = make_job("align", "alone", settings=settings, method=DPO, inputs={"logps": reference.out})
    align.run(job)
    assert losses(job)[0] == pytest.approx(np.log(2), abs=1e-6)
    assert {name.split(".")[-3] for name in held(job)} == {"q_proj", "v_proj"}


def test_oracle_as_adapter_scores_as_the_merged_one(make_job, data):
    """Merged or apart, and read by the rewards stage: the same rewards, from an adapter with its trained head."""
    made = {}
    for merge in (True, False):
        made[merge] = make_job("oracle", f"oracle-{merge}", settings=lora("oracle", merge=merge))
        oracle.run(made[merge])
    assert "base_model.model.score.weight" in held(made[False])
    assert not Path(made[True].out, "adapter_config.json").exists()
    job = make_job("rewards", inputs={"oracle-0": made[True].out, "oracle-1": made[False].out})
    rewards.run(job)
    table = pq.read_table(Path(job.out, "train.parquet"))
    assert table["chosen_0"].to_numpy() == pytest.approx(table["chosen_1"].to_numpy(), rel=1e-5, abs=1e-6)


def test_oracle_from_an_adapted_student(begun, make_job, data):
    """`oracle.model: sft` starts from the student with its adapter merged, with all parameters or a new adapter."""
    for name, settings in (("whole", {}), ("adapter", lora("oracle", merge=True))):
        job = make_job("oracle", name, settings={**settings, "oracle.max_steps": 1}, inputs={"policy": begun.out})
        oracle.run(job)
        model = load_reward_model(job.out)
        assert model.model.config.num_labels == 1
        student = load_policy(
            model_location(make_job("logps", inputs={"policy": begun.out}), "policy", "student.model")
        )
        start = student.lm.state_dict()["model.layers.0.self_attn.q_proj.weight"]
        now = model.model.state_dict()["model.layers.0.self_attn.q_proj.weight"]
        assert (now - start).abs().max() < 0.1 * start.abs().max()


def test_peft_is_imported_only_for_adapters():
    """No module of the engine imports peft or bitsandbytes for itself: both take seconds, and few runs need them."""
    for path in Path(align.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"peft", "bitsandbytes"}, path.name
