"""Peak memory of one process of a stage, by what it holds: arithmetic on configurations, with constants measured.

What the engine keeps: float32 weights, gradients and AdamW's two moments (Rajbhandari et al., arXiv 1910.02054,
section 3, without the half-precision copies); for the backward pass each layer's activations of one micro-batch, the
attention matrix never made (Korthikanti et al., arXiv 2205.05198, section 4, counted anew for each architecture as
transformers computes it); logits in chunks. The constants were measured with `benchmarks/cost.py`; docs/cost.md has
the errors. On a GPU the device's memory is meant, and what is offloaded lies elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, astuple, dataclass, replace
from typing import Any

from drdoctl.plan.activations import BF16, FP32, LOGITS_KEPT, kept_bytes, logit_bytes, on_cpu, passing_bytes
from drdoctl.plan.load import Load
from drdoctl.plan.seconds import device_of
from drdoctl.plan.sizes import ModelSize

GIB = 2**30
PROCESS_GIB = {"forked": 0.39, "together": 0.42, "cuda": 0.6}
"""Interpreter, torch, transformers, DeepSpeed and what they touch in a first pass; on a GPU, the CUDA context."""
TRAINER_GIB = 0.04
"""What a first backward pass and DeepSpeed's engine touch beside, on a CPU."""
ZERO_3_GIB = 0.08
"""What ZeRO stage 3 touches beside: hooks on every module, weights gathered for a layer."""
SPARE, SPARE_GIB = 0.7, 0.1
"""Of the weights, and at most: what loading them leaves behind on a CPU. Measured on models of 1 to 28 M parameters."""
SAMPLING_GIB = 0.03
"""What a process that samples on a CPU holds beside all that is counted. Measured, on the same models."""
SCORED_AT_ONCE = 2048
"""Tokens scored at once; on a GPU more, but only as many as there is room for."""
BUCKET = 200_000_000
"""Elements that ZeRO reduces at once, at most."""
CACHE_BYTES = {"cpu": 512 << 20, "cuda": 8 << 30}
"""Keys and values of the rows that are sampled at once, at most."""
SAMPLED_ROWS = {"cpu": 64, "cuda": 512}
RETAINED = 0.8
"""Share of the smaller of two peaks that the allocator has not given back when the other comes."""


@dataclass(frozen=True)
class Memory:
    """Peak memory of one process, bytes, by what it is for. What is not held at the peak is 0."""

    process: int = 0
    """Interpreter and libraries; on a GPU the CUDA context."""
    weights: int = 0
    """Float32 weights, and the bfloat16 copies that autocast keeps."""
    gradients: int = 0
    optimizer: int = 0
    """AdamW's two moments, and ZeRO's own float32 weights."""
    activations: int = 0
    """What the backward pass needs of one micro-batch, or one layer's values where there is no backward pass."""
    logits: int = 0
    cache: int = 0
    """Keys and values of the rows that are sampled at once."""
    buffers: int = 0
    """Copies made while gradients are reduced and weights stepped or saved, as far as they add to the peak; on a CPU
    in bfloat16 also oneDNN's kernels."""

    @property
    def total(self) -> int:
        """Return the bytes of all parts together."""
        return sum(astuple(self))

    def larger(self, other: Memory) -> Memory:
        """Return the one with the higher peak."""
        return self if self.total >= other.total else other

    def told(self) -> dict[str, Any]:
        """Return the fields of an estimate: GiB in all, and by part to the MiB's digit."""
        return {
            "memory_gib": self.total / GIB,
            "memory": {name: round(size / GIB, 3) for name, size in asdict(self).items()},
        }


def _whole(**parts: float) -> Memory:
    """Return the memory with each part to the whole byte."""
    return Memory(**{name: round(size) for name, size in parts.items()})


def process(resources: Mapping[str, Any], weights: float) -> float:
    """Return the bytes that are there whatever is computed. On a CPU processes are forked from a warm one.

    `weights`: bytes of the model's, of which loading leaves some behind.
    """
    if not on_cpu(resources):
        return PROCESS_GIB["cuda"] * GIB
    begun = PROCESS_GIB["forked" if resources["processes"] == 1 else "together"] * GIB
    return begun + min(SPARE * weights, SPARE_GIB * GIB)


def training(
    model: ModelSize,
    load: Load,
    dtype: str,
    resources: Mapping[str, Any],
    *,
    steps: int,
    adapter: int | None = None,
    quantized: bool = False,
) -> Memory:
    """Return the peak of a training process.

    `adapter`: the weights of an adapter beside the model, which alone have gradients; None: the model's own have.
    `quantized`: the model's matrices are in 4 bits.

    There are two peaks: the end of the largest forward pass, and the optimizer's step with its temporaries. ZeRO stage
    1 shares the moments among the processes, 2 the gradients too, 3 the weights too; offload takes them to the CPU's
    memory, which is the same memory where the CPU computes.
    """
    stage, processes = resources["zero_stage"], resources["processes"]
    away = {"none": (), "optimizer": ("optimizer",), "all": ("optimizer", "weights")}[resources["offload"]]
    away = () if on_cpu(resources) else away
    every = (model.parameters + (adapter or 0)) * FP32
    learnt = (model.parameters if adapter is None else adapter) * FP32
    held = every if not quantized else every - model.shape.body * (FP32 - NF4_BYTES)
    shares = {name: 1 / processes if stage >= least else 1.0 for name, least in _SHARED_FROM.items()}
    stepped = 0.0 if "optimizer" in away else learnt * shares["optimizer"]
    weights = 0.0 if "weights" in away else held * shares["weights"]
    copies = AUTOCAST_COPIES * model.shape.body * BF16 if dtype == "bf16" else 0.0
    logits = logit_bytes(model, load.heads, dtype, kept=LOGITS_KEPT)
    activations = kept_bytes(model, load, dtype, resources, adapted=adapter is not None)
    # at stage 0 a process that is alone reduces nothing, and the fused optimizer makes no copies
    copies_stepped = STEP_COPIES[stage] if stage or processes > 1 else 0.0
    buffers = copies_stepped * stepped + REDUCE_COPIES[stage] * min(BUCKET * FP32, learnt)
    buffers += every if stage == 3 else 0.0
    # what one of the two peaks has freed, the other does not find in blocks that fit
    kept = RETAINED * min(buffers, activations + logits) - min(buffers, activations + logits)
    kernels = min(KERNELS, steps * load.micro_batches * BATCH_KERNELS) if dtype == "bf16" and on_cpu(resources) else 0.0
    trainer = (TRAINER_GIB + (ZERO_3_GIB if stage == 3 else 0.0)) if on_cpu(resources) else 0.0
    return _whole(
        process=process(resources, every) + trainer * GIB,
        weights=weights + copies,
        gradients=learnt * shares["gradients"],
        # ZeRO steps on a flat copy of its share of the weights
        optimizer=(3 if stage else 2) * stepped,
        activations=activations,
        logits=logits,
        buffers=buffers + kept + kernels,
    )


STEP_COPIES = {0: 2.0, 1: 2.0, 2: 1.5, 3: 2.0}
"""Copies of what a process steps on, made in the step: AdamW's temporaries, gradients laid out flat."""
REDUCE_COPIES = {0: 0.0, 1: 2.0, 2: 2.0, 3: 2.0}
"""Buckets of gradients that ZeRO holds while it reduces them."""
NF4_BYTES = 0.56
"""A weight in 4 bits with its share of the block's scale (QLoRA, arXiv 2305.14314, section 3)."""
AUTOCAST_COPIES = 2
"""Bfloat16 copies of the matrices: autocast's, and of their gradients before they are added up in float32."""
BATCH_KERNELS, KERNELS = 12e6, 0.3e9
"""Bytes of oneDNN's kernels, on a CPU in bfloat16: for a micro-batch, and in all. Rounded lengths (train/rounding.py)
are few, and a model of 4.5 M parameters stopped growing here."""
SCORED_KERNELS, SCORING_KERNELS = 4e6, 0.1e9
"""The same without a backward pass: for each batch, and in all, which is a guess."""


def saved_oracle(peak: Memory, model: ModelSize, resources: Mapping[str, Any]) -> Memory:
    """Return the peak with the oracle's saving: the classifier is a second model, beside all that trained the first.

    It is made on the CPU: of a GPU's memory it takes nothing.
    """
    if not on_cpu(resources):
        return peak
    second = model.parameters * FP32
    late = replace(peak, activations=0, logits=0, buffers=peak.buffers + second)
    return peak.larger(late)


_SHARED_FROM = {"optimizer": 1, "gradients": 2, "weights": 3}


def scoring(model: ModelSize, rows_tokens: float, heads: float, dtype: str, resources: Mapping[str, Any]) -> Memory:
    """Return the peak of a process that scores `rows_tokens` tokens in all, `heads` of them through the LM head."""
    tokens = min(SCORED_AT_ONCE, rows_tokens)
    share = tokens / rows_tokens if rows_tokens else 0.0
    batches = rows_tokens / resources["processes"] / SCORED_AT_ONCE
    kernels = min(SCORING_KERNELS, batches * SCORED_KERNELS) if dtype == "bf16" and on_cpu(resources) else 0.0
    return _whole(
        process=process(resources, model.parameters * FP32),
        weights=_held(model, dtype),
        activations=tokens * passing_bytes(model),
        logits=logit_bytes(model, heads * share, dtype),
        buffers=kernels,
    )


def sampling(
    model: ModelSize, prompts: float, prompt: float, new: int, dtype: str, resources: Mapping[str, Any]
) -> Memory:
    """Return the peak of a process that samples `new` tokens to `prompts` prompts of `prompt` tokens at most."""
    rows = sampled_rows(model, prompts, prompt + new, resources)
    return _whole(
        process=process(resources, model.parameters * FP32),
        weights=_held(model, dtype),
        activations=rows * prompt * passing_bytes(model),
        logits=2 * rows * model.shape.vocabulary * FP32,
        cache=rows * cache_bytes(model, prompt + new),
        buffers=SAMPLING_GIB * GIB if on_cpu(resources) else 0.0,
    )


def sampled_rows(model: ModelSize, prompts: float, length: float, resources: Mapping[str, Any]) -> float:
    """Return how many rows of `length` tokens are sampled at once: as many as the cache's budget holds."""
    device = device_of(resources)
    budget = float(CACHE_BYTES[device])
    if device == "cuda" and resources.get("memory_gib"):
        budget = min(budget, resources["memory_gib"] * GIB / 4)  # the sampler takes a quarter of the device at most
    return float(max(1.0, min(prompts, SAMPLED_ROWS[device], budget // max(1.0, cache_bytes(model, length)))))


def cache_bytes(model: ModelSize, length: float) -> float:
    """Return the bytes of the keys and values of `length` tokens."""
    return length * model.shape.layers * (model.shape.kv_width + model.shape.alibi) * 2 * FP32


def _held(model: ModelSize, dtype: str) -> float:
    return model.parameters * (FP32 + (BF16 if dtype == "bf16" else 0))
