"""4-bit bases: packed while an adapter is trained, rounded wherever else they are read, always the same values."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import load_file  # noqa: E402

from drdoctl.core.errors import UserError  # noqa: E402
from drdoctl.train import adapters, align, logps, quantize, sft  # noqa: E402
from drdoctl.train.models import Policy, load_policy, new_lm  # noqa: E402
from drdoctl.train.places import model_location  # noqa: E402
from drdoctl.train.rows import TokenRows  # noqa: E402
from drdoctl.train.scoring import score_batch  # noqa: E402

LORA = {f"student.lora.{k}": v for k, v in {"rank": 4, "alpha": 8, "target": ["all-linear"], "quantize": "nf4"}.items()}
FIELDS = {"hidden_size": 64, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu", "max_positions": 64}
FIELDS |= {"rope_theta": 1000.0, "init_std": 0.2, "tied": True, "model_type": "qwen2"}
ITEMS = [([3, 4, 5], ([6, 7, 1],)), ([9, 10], ([11, 12, 13, 1],))]
DPO = {"name": "dpo", "beta": 0.1, "label_smoothing": 0.0}


def make():
    return new_lm(FIELDS, 0, 40, {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0})


def losses(job) -> list[float]:
    return [json.loads(line)["loss"] for line in Path(job.out, "metrics.jsonl").read_text().splitlines()]


def test_without_bitsandbytes_the_command_that_installs_it_is_named(monkeypatch):
    """Without bitsandbytes, what needs it fails with the command that installs its extra."""
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(UserError, match="needs bitsandbytes") as caught:
        quantize.bitsandbytes()
    assert caught.value.faults[0].hint == "`pip install 'drdoctl[qlora]'`"


def test_packed_rounded_and_unpacked_are_one_model():
    """A packed model computes with the values of a rounded one, and unpacks to them; the LM head is left alone."""
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("peft")
    rounded, packed, plain = make(), make(), make()
    quantize.round_trip(adapters.decoder_matrices(rounded))
    found = adapters.decoder_matrices(packed)
    quantize.pack(packed, found, torch.device("cpu"), torch.float32)
    want, got, whole = (score_batch(Policy(lm).train(), ITEMS, "fp32", logp=True) for lm in (rounded, packed, plain))
    assert got == pytest.approx(want, rel=1e-5)
    assert abs(whole - want).max() > 1e-3
    assert all(
        module.weight.numel() * 2 == module.in_features * module.out_features
        for module in packed.modules()
        if quantize.packed(module)
    )
    adapters.attach(packed, {"rank": 2, "alpha": 4, "target": ["q_proj"]}, seed=0)
    adapters.merge(packed)
    torch.testing.assert_close(packed.state_dict(), rounded.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_qlora_from_sft_to_a_merged_student(make_job, data, dtype):
    """DPO begins at ln 2 over the packed base; merged or apart the student is the same; ZeRO 2 learns the same."""
    pytest.importorskip("bitsandbytes")
    pytest.importorskip("peft")
    own = {**LORA, "student.dtype": dtype}
    begun = make_job("sft", "begun", settings=own)
    sft.run(begun)
    assert losses(begun)[-1] < losses(begun)[0] - 0.3
    assert {weight.dtype for weight in load_file(Path(begun.out, "adapter_model.safetensors")).values()} == {
        torch.float32
    }
    shared = make_job("sft", "shared", settings=own, resources={"zero_stage": 2})
    sft.run(shared)
    assert losses(shared) == pytest.approx(losses(begun), rel=1e-3)
    reference = make_job("logps", "reference", inputs={"policy": begun.out}, settings={"student.dtype": dtype})
    logps.run(reference)
    made = {}
    for merge in (True, False):
        settings = {**own, "student.lora.merge": merge, "train.max_steps": 2}
        inputs = {"policy": begun.out, "logps": reference.out}
        made[merge] = make_job("align", f"align-{merge}", settings=settings, method=DPO, inputs=inputs)
        align.run(made[merge])
        assert losses(made[merge])[0] == pytest.approx(np.log(2), abs=1e-6 if dtype == "fp32" else 1e-3)
    reading = make_job("logps", "reading", inputs={"policy": made[False].out})
    items = TokenRows(data, "eval", "student", ("chosen", "rejected")).items(np.arange(6))
    one = score_batch(load_policy(made[True].out).eval(), items, "fp32", logp=True)
    two = score_batch(load_policy(model_location(reading, "policy", "student.model")).eval(), items, "fp32", logp=True)
    assert one == pytest.approx(two, rel=1e-6)
