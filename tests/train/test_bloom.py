"""Bloom through the attention interface: transformers' own values, positions by number, and all that trains."""

from __future__ import annotations

import copy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoConfig, AutoModelForCausalLM  # noqa: E402
from transformers.models.bloom.modeling_bloom import BloomGelu  # noqa: E402

from drdoctl.train import sft  # noqa: E402
from drdoctl.train.attention import NAME as TREES  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.bloom import use_interface  # noqa: E402
from drdoctl.train.sample import sample  # noqa: E402

IDS = torch.tensor([[3, 4, 5, 6, 7, 8], [0, 0, 0, 9, 10, 11], [12, 13, 14, 15, 0, 0]])


def stock(heads: int):
    torch.manual_seed(0)
    shape = {"vocab_size": 50, "hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": heads}
    return AutoModelForCausalLM.from_config(AutoConfig.for_model("bloom", **shape, initializer_range=0.2)).eval()


@pytest.mark.parametrize("heads", [1, 4, 6, 12])
def test_logits_are_transformers_own(heads):
    """Padded left or right, whatever the slopes, each token's logits are those of transformers' own attention."""
    theirs, seen = stock(heads), (IDS > 0).long()
    ours = copy.deepcopy(theirs)
    use_interface(ours)
    with torch.no_grad():
        got, want = (model(input_ids=IDS, attention_mask=seen).logits[seen > 0] for model in (ours, theirs))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-5)


def test_far_positions_in_bfloat16():
    """Under autocast a row that begins at position 3,001 has the log-probabilities that it has at 0."""
    model, batch = plain.policy(plain.fields("bloom")), collate(plain.PAIRS)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        near = model(batch).logp
        far = model(replace(batch, position_ids=batch.position_ids + 3001)).logp
    torch.testing.assert_close(far, near, rtol=2e-3, atol=0)


def test_gelu_is_transformers_own():
    """In float32, torch's GELU has the values and gradients of Bloom's chain of operations."""
    x = torch.linspace(-6, 6, 1001).requires_grad_()
    model = stock(4)
    use_interface(model)
    ours = model.transformer.h[0].mlp.gelu_impl
    assert not isinstance(ours(x).grad_fn, type(BloomGelu()(x).grad_fn))
    found = [(function(x).detach(), *torch.autograd.grad(function(x).sum(), x)) for function in (ours, BloomGelu())]
    torch.testing.assert_close(*found, rtol=1e-5, atol=5e-6)


def test_samples_between_steps():
    """Sampling with a cache leaves the model as it was: log-probabilities before and after have the same bits."""
    model, batch = plain.policy(plain.fields("bloom")), collate(plain.PAIRS)
    before = model(batch).logp
    how = {"temperature": 0, "top_p": 1, "max_new_tokens": 5, "eos_ids": [1], "pad_id": 0}
    said = sample(model.lm, [[3, 4, 5], [6]], seeds=[0, 1], **how)
    assert [len(one.ids) > 0 for one in said] == [True, True]
    assert model.lm.config._attn_implementation == TREES
    assert torch.equal(model(batch).logp, before)


def trained(make_job, name, **resources):
    """The weights after two steps of a new Bloom."""
    job = make_job("sft", name, resources=resources, settings={"student.sft.max_steps": 2})
    job.locations["student.model"] = {"new": {**job.locations["student.model"]["new"], "model_type": "bloom"}}
    sft.run(job)
    return load_file(Path(job.out) / "model.safetensors")


def test_zero_stages_agree(make_job):
    """Trained in parts (ZeRO 3) and with layers recomputed, weights are those of stage 0 to rounding."""
    alone = trained(make_job, "alone")
    parts = trained(make_job, "parts", zero_stage=3, gradient_checkpointing=True)
    assert plain.distance(parts, alone) < 1e-3
