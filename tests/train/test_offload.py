"""Activations that wait in the CPU's memory."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).parent))

import plain  # noqa: E402
from torch.autograd.graph import save_on_cpu  # noqa: E402

from drdoctl.train import offload  # noqa: E402
from drdoctl.train.batches import collate  # noqa: E402
from drdoctl.train.offload import activations_on_cpu  # noqa: E402


def gradients(model, context):
    with context:
        outputs = model(collate(plain.PAIRS))
        value = (outputs.logp * torch.arange(8)).sum() + outputs.reward.sum()
    return plain.gradients(model, value)


@pytest.fixture
def moved(monkeypatch):
    """What is handed over to be moved; it is copied, as it is from a device."""
    seen = []

    class Copying(save_on_cpu):
        def __init__(self, pin_memory):
            super().__init__(pin_memory)
            pack = self.pack_hook
            self.pack_hook = lambda tensor: (seen.append(tensor), pack(tensor.clone()))[1]

    monkeypatch.setattr(offload, "save_on_cpu", Copying)
    return seen


@pytest.mark.parametrize("shape", sorted(plain.SHAPES))
@pytest.mark.parametrize("checkpointing", [False, True])
def test_gradients_are_the_same(moved, shape, checkpointing):
    """Every architecture's gradients come out of the moved copies, recomputed layers or not."""
    model = plain.policy(plain.fields(shape), double=True).train()
    want = gradients(model, nullcontext())
    if checkpointing:
        model.lm.gradient_checkpointing_enable({"use_reentrant": False})
    got = gradients(model, activations_on_cpu(torch.device("cpu")))
    assert plain.distance(got, want) < 1e-12  # a copy's strides may be others, and so a kernel's rounding
    assert moved


def test_activations_are_moved_and_weights_are_not(moved):
    """No weight, nor its transpose, is copied; the MLP's input is."""
    model = plain.policy(plain.fields("llama"))
    gradients(model, activations_on_cpu(torch.device("cpu")))
    weights = {weight.data_ptr() for weight in model.parameters()}
    assert not weights & {tensor.data_ptr() for tensor in moved}
    tokens = collate(plain.PAIRS).tokens
    assert any(tensor.shape[-2:] == (tokens, plain.COMMON["intermediate_size"]) for tensor in moved)


@pytest.mark.gpu
def test_on_a_device():
    """On CUDA the gradients are the same, and less memory is taken at the end of the forward pass."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    device = torch.device("cuda")
    config = plain.fields("llama") | {"hidden_size": 256, "intermediate_size": 1024, "max_position_embeddings": 2048}
    model = plain.policy(config).to(device)
    batch = collate([([3] * 1000, ([4] * 500, [5] * 500))]).to(device)
    taken, found = [], []
    for context in (nullcontext(), activations_on_cpu(device)):
        before = torch.cuda.memory_allocated()
        with context:
            value = model(batch).logp.sum()
        torch.cuda.synchronize()
        taken.append(torch.cuda.memory_allocated() - before)
        found.append(plain.gradients(model, value))
        del value
        model.zero_grad()
    assert taken[1] < taken[0] / 2
    assert plain.distance(found[1], found[0]) < 1e-5


def test_training_takes_the_option(make_job, moved):
    """A stage trained with the option moves activations and ends with the same weights."""
    from safetensors.torch import load_file

    from drdoctl.train import sft

    ends = []
    for name, on in (("plain", False), ("moved", True)):
        job = make_job("sft", name, resources={"device": "auto", "activation_offload": on})
        sft.run(job)
        assert bool(moved) == on
        ends.append(load_file(Path(job.out) / "model.safetensors"))
    assert plain.distance(ends[1], ends[0]) < 1e-6
