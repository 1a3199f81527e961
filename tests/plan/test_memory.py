"""Memory: what more processes, ZeRO, recomputation and offload save, and what more tokens cost."""

from __future__ import annotations

from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drdoctl.core.architectures import SUPPORTED, shape_of
from drdoctl.plan.load import Load
from drdoctl.plan.memory import Memory, sampled_rows, sampling, saved_oracle, scoring, training
from drdoctl.plan.sizes import ModelSize

RESOURCES = {"processes": 1, "zero_stage": 0, "offload": "none", "gradient_checkpointing": False, "device": "cpu"}


def model(model_type="llama", hidden=512, layers=8, vocabulary=4096):
    """Return a model's size."""
    shape = shape_of(
        {
            "model_type": model_type,
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": 8,
            "intermediate_size": 3 * hidden,
            "vocab_size": vocabulary,
            "max_position_embeddings": 512,
            "tie_word_embeddings": True,
        }
    )
    return ModelSize(shape, shape.parameters)


def trained(size, tokens=2048.0, dtype="fp32", steps=10, **resources):
    """Return a training process's peak."""
    load = Load(tokens, tokens / 2, 1)
    return training(size, load, dtype, {**RESOURCES, **resources}, steps=steps)


sizes = st.builds(
    model,
    st.sampled_from(SUPPORTED),
    st.sampled_from([64, 512, 2048]),
    st.integers(1, 40),
    st.sampled_from([512, 50_000]),
)


@given(sizes, st.floats(1, 1e5), st.sampled_from(["fp32", "bf16"]), st.sampled_from([0, 1, 2, 3]), st.booleans())
def test_more_tokens_need_more(size, tokens, dtype, stage, checkpointing):
    """Memory never falls with the tokens computed at once."""
    kept = {"zero_stage": stage, "gradient_checkpointing": checkpointing}
    assert trained(size, 2 * tokens, dtype, **kept).total >= trained(size, tokens, dtype, **kept).total


@given(sizes, st.floats(1, 1e5), st.sampled_from(["fp32", "bf16"]), st.sampled_from([1, 2, 3]), st.integers(2, 64))
def test_more_processes_need_less_each(size, tokens, dtype, stage, processes):
    """At a ZeRO stage that shares, each of more processes holds no more than each of fewer."""
    fewer = trained(size, tokens, dtype, zero_stage=stage, processes=processes)
    assert trained(size, tokens, dtype, zero_stage=stage, processes=2 * processes).total <= fewer.total


@given(sizes, st.floats(1, 1e5), st.sampled_from(["fp32", "bf16"]))
def test_checkpointing_never_needs_more(size, tokens, dtype):
    """Activations recomputed are activations that need not be kept."""
    plain = trained(size, tokens, dtype)
    assert trained(size, tokens, dtype, gradient_checkpointing=True).activations <= plain.activations


@given(sizes, st.sampled_from([1, 2, 3]))
def test_offload_frees_a_gpu_and_not_a_cpu(size, stage):
    """What is offloaded leaves the device's memory; where the CPU computes, it is the same memory."""
    gpu = {"device": "cuda", "zero_stage": stage, "processes": 2}
    assert trained(size, **gpu, offload="optimizer").optimizer == 0 < trained(size, **gpu).optimizer
    assert trained(size, zero_stage=stage, offload="optimizer") == trained(size, zero_stage=stage)


def test_in_bfloat16_a_cpu_needs_more_with_every_step():
    """Each step makes kernels for its lengths until the cache is full; float32 and GPUs have none."""
    size = model()
    few, more, many, most = (trained(size, dtype="bf16", steps=steps).total for steps in (1, 8, 1000, 100_000))
    assert few < more < many == most
    assert trained(size, steps=1) == trained(size, steps=1000)
    gpu = {"dtype": "bf16", "device": "cuda"}
    assert trained(size, steps=1, **gpu) == trained(size, steps=1000, **gpu)


def test_the_last_layer_keeps_an_mlp_of_what_is_read():
    """The fewer of its tokens are read, the less a micro-batch leaves, by no more than one layer's MLP."""
    size = model()
    found = [training(size, Load(4000.0, heads, 1), "fp32", RESOURCES, steps=1) for heads in (0.0, 2000.0, 4000.0)]
    kept = [one.activations + one.logits for one in found]
    assert kept == sorted(kept)
    assert found[2].activations - found[0].activations <= 4000 * 4 * size.shape.mlp * 4


def test_what_zero_shares():
    """Stage 1 shares the moments, 2 the gradients too, 3 the weights too (Rajbhandari et al., figure 1)."""
    size = model()
    whole = size.parameters * 4
    found = [trained(size, zero_stage=stage, processes=4) for stage in (0, 1, 2, 3)]
    assert [one.weights for one in found] == pytest.approx([whole, whole, whole, whole / 4])
    assert [one.gradients for one in found] == pytest.approx([whole, whole, whole / 4, whole / 4])
    # from stage 1 on, with a flat copy of the weights that are stepped on
    assert [one.optimizer for one in found] == pytest.approx([2 * whole, *[3 * whole / 4] * 3])


def test_a_scored_file_needs_no_more_than_its_batches():
    """Scoring a hundred times the rows takes no more memory than a batch does, and less than training."""
    size = model()
    few, many = (scoring(size, tokens, tokens / 2, "fp32", RESOURCES) for tokens in (1e4, 1e6))
    assert few.total == pytest.approx(many.total)
    assert many.total < trained(size).total
    assert (many.gradients, many.optimizer) == (0, 0)


def test_scoring_in_bfloat16_fills_a_cache():
    """On a CPU each batch that is scored in bfloat16 makes kernels, until the cache is full."""
    size = model()
    few, more, many, most = (scoring(size, tokens, 0, "bf16", RESOURCES).total for tokens in (1e4, 3e4, 1e7, 1e9))
    assert few < more < many == pytest.approx(most)


@given(sizes, st.integers(1, 5000), st.integers(1, 1000), st.integers(1, 1000))
def test_the_cache_stays_within_its_budget(size, prompts, prompt, new):
    """Keys and values take at most half a GiB on a CPU, unless a single row needs more."""
    found = sampling(size, prompts, prompt, new, "fp32", RESOURCES)
    assert found.cache <= 512 << 20 or sampled_rows(size, prompts, prompt + new, RESOURCES) == 1


def test_on_cuda_the_cache_is_a_quarter_of_the_device_at_most():
    """As the sampler takes it, where the spec tells the device's memory; else 8 GiB."""
    size, new = model(), 100_000
    rows = [sampled_rows(size, 512, new, {**RESOURCES, "device": "cuda", "memory_gib": gib}) for gib in (16, 80, None)]
    assert rows[1] == rows[2] == pytest.approx(2 * rows[0], abs=1)


def test_saving_an_oracle_holds_a_second_model():
    """An oracle with few activations peaks when it is saved, one with many when it is trained."""
    size = model()
    small, large = trained(size, 64.0), trained(size, 50_000.0)
    assert saved_oracle(small, size, RESOURCES).total > small.total
    assert saved_oracle(large, size, RESOURCES) == large
    assert saved_oracle(small, size, {**RESOURCES, "device": "cuda"}) == small  # it is made on the host


def test_parts_make_the_total():
    """The total is the sum of the parts, and GiB have three digits and a point, even where they are none."""
    peak = Memory(weights=round(1.23456 * 2**30), logits=2 << 30)
    assert peak.total == peak.weights + peak.logits
    assert peak.told()["memory"] == {**dict.fromkeys(asdict(peak), 0.0), "weights": 1.235, "logits": 2.0}
    assert {type(size) for size in peak.told()["memory"].values()} == {float}


@given(sizes, st.floats(1, 1e5), st.sampled_from(["fp32", "bf16"]), st.sampled_from(["cpu", "cuda"]))
def test_bytes_are_whole(size, tokens, dtype, device):
    """Whatever is held is held in whole bytes, none of them negative."""
    resources = {**RESOURCES, "device": device}
    for peak in (
        trained(size, tokens, dtype, device=device),
        saved_oracle(trained(size, tokens, dtype, device=device), size, resources),
        scoring(size, tokens, tokens / 3, dtype, resources),
        sampling(size, 7.5, tokens, 10, dtype, resources),
    ):
        held = [getattr(peak, part.name) for part in fields(peak)]
        assert all(type(value) is int and value >= 0 for value in held)


def test_the_limits_are_the_engines():
    """What the plan takes to be computed at once is what the engine computes at once."""
    pytest.importorskip("torch")
    from drdoctl.plan import activations, memory, work
    from drdoctl.train import cache, chunks, forward, responses
    from drdoctl.train import scoring as scores

    assert memory.SCORED_AT_ONCE == scores.BATCH_TOKENS
    assert (chunks.BATCH_TOKENS, chunks.BATCHES_A_CHUNK) == (memory.SCORED_AT_ONCE, work.PIECE_TOKENS / 2048)
    assert (work.PIECE_BYTES, work.PIECE_ROWS) == (responses.PIECE_BYTES, responses.PIECE_ROWS)
    assert memory.SAMPLED_ROWS == {"cpu": cache.CPU_ROWS, "cuda": cache.MAX_ROWS}
    assert memory.CACHE_BYTES == {"cpu": cache.CPU_CACHE_BYTES, "cuda": cache.CUDA_CACHE_BYTES}
    assert activations.LOGITS_AT_ONCE == forward.LOGITS_AT_ONCE
    assert activations.LOGITS_KEPT == forward.LOGITS_KEPT
