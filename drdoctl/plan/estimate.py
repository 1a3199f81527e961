"""What a stage will take: steps, tokens, FLOPs, memory, disk, and seconds where earlier stages give a basis.

Estimates are arithmetic on sizes, no promise: they never look at the machine, so that a plan has the same bytes
everywhere. A number that nothing is known about is 0 (seconds: null).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from drdoctl.plan.sizes import ModelSize, Rows, Sizes, model_size, sizes_of
from drdoctl.plan.types import Estimate
from drdoctl.stages import Want
from drdoctl.stages.blueprint import is_pull
from drdoctl.store.artifact import Store

GIB = 2**30
FP32, BF16 = 4, 2
LOGITS_AT_ONCE = 1 << 24
"""Logits that the LM head makes at once (fewer rows at a time for a larger vocabulary)."""
ACTIVATION_VALUES = 17
"""Values a token and feature that a decoder layer keeps for the backward pass (Korthikanti et al., arXiv 2205.05198,
eq. 1: 34 bytes in 16 bits; the attention matrix is never made)."""
ROW_BYTES = 16
"""Bytes a cached number takes in Parquet, with its share of the ids."""
MICRO_TOKENS = 2048
"""Tokens trained on at once on a CPU, where the spec names none."""
SCORED_AT_ONCE = 8192
"""Tokens scored or sampled at once."""


def estimates(wants: Sequence[Want], store: Store, resources: Mapping[str, Any]) -> list[Estimate]:
    """Return one estimate for each stage, in order."""
    sizes: dict[str, Sizes] = {}
    found = []
    for want in wants:
        data = want if want.kind == "data" else want.inputs.get("data")
        if data is not None and data.fingerprint not in sizes:
            sizes[data.fingerprint] = sizes_of(data, store)
        known = sizes.get(data.fingerprint) if data is not None else None
        found.append(_rounded(_estimate(want, known, resources)))
    now = {want.fingerprint: estimate.flops for want, estimate in zip(wants, found, strict=True)}
    rates = _rates(store.manifests(), now)
    return [_timed(estimate, rates.get(want.kind)) for want, estimate in zip(wants, found, strict=True)]


def _timed(estimate: Estimate, rate: float | None) -> Estimate:
    return replace(estimate, seconds=round(estimate.flops / rate, 1)) if rate and estimate.flops else estimate


def _estimate(want: Want, sizes: Sizes | None, resources: Mapping[str, Any]) -> Estimate:
    model = model_size(want.sizes.get("model"))
    if is_pull(want):
        return Estimate(disk_gib=_weights(model))
    if sizes is None:
        return Estimate()
    makers: dict[str, Callable[[], Estimate]] = {
        "data": lambda: _data(sizes),
        "sft": lambda: _training(want, "student.sft", sizes.sft, resources),
        "oracle": lambda: _training(want, "oracle", sizes.train, resources),
        "align": lambda: _training(want, "train", sizes.train, resources),
        "logps": lambda: _scoring(model, sizes, columns=4, passes=1, head=True),
        "rewards": lambda: _rewards(want, sizes),
        "evaluate": lambda: _evaluation(want, sizes),
    }
    return makers.get(want.kind, Estimate)()


def _data(sizes: Sizes) -> Estimate:
    parts = [part for part in (sizes.train, sizes.eval) if part is not None]
    tokens = sum(part.count * part.pair for part in parts)
    # token ids in 4 bytes, text beside them in about as many
    return Estimate(tokens=round(tokens), disk_gib=tokens * 8 / GIB)


def _training(want: Want, prefix: str, rows: Rows | None, resources: Mapping[str, Any]) -> Estimate:
    model, pairs = model_size(want.sizes.get("model")), want.kind != "sft"
    settings = {key: want.settings[f"{prefix}.{key}"] for key in ("max_steps", "epochs", "global_batch")}
    steps = training_steps(settings, rows.count if rows else None)
    length = (rows.pair if pairs else rows.single) if rows else 0.0
    each = settings["global_batch"] * length
    answers = length - rows.prompt if rows else 0.0
    flops = 0.0
    if model is not None:
        forward = model.forward(each, length, settings["global_batch"] * answers)
        flops = 3 * forward * steps  # the backward pass costs twice the forward pass
    dtype = want.settings.get("oracle.dtype" if prefix == "oracle" else "student.dtype")
    memory = _training_memory(model, length, dtype, resources) if model else 0.0
    return Estimate(
        steps=steps,
        tokens=round(each * steps),
        flops=flops,
        memory_gib=memory,
        disk_gib=_weights(model),
    )


def training_steps(settings: Mapping[str, Any], rows: int | None) -> int:
    """Return the optimizer steps: `max_steps`, or whole global batches in `epochs` passes; 0 where rows are unknown."""
    if settings["max_steps"] is not None:
        return int(settings["max_steps"])
    if rows is None:
        return 0
    return max(1, int(settings["epochs"] * rows // settings["global_batch"]))


def _training_memory(model: ModelSize, length: float, dtype: str | None, resources: Mapping[str, Any]) -> float:
    """Return GiB in each process: weights, gradients, AdamW's two moments (float32), activations and logits.

    ZeRO stage 1 shares the moments among the processes, 2 the gradients too, 3 the weights too; offload takes them to
    the CPU's memory, which is the same memory where the CPU computes.
    """
    processes, stage, offload = resources["processes"], resources["zero_stage"], resources["offload"]
    each = model.parameters * FP32
    on_gpu = resources["device"] != "cpu"
    weights = each / (processes if stage == 3 else 1) * (0 if offload == "all" and on_gpu else 1)
    gradients = each / (processes if stage >= 2 else 1)
    moments = 2 * each / (processes if stage >= 1 else 1) * (0 if offload != "none" and on_gpu else 1)
    shape, size = model.shape, BF16 if dtype == "bf16" else FP32
    tokens = max(resources["micro_tokens"] or MICRO_TOKENS, length)
    if resources["micro_batch"]:
        tokens = min(tokens, resources["micro_batch"] * length)
    layer = tokens * (ACTIVATION_VALUES * shape.hidden + 3 * max(0, shape.mlp - 4 * shape.hidden)) * size
    if resources["gradient_checkpointing"]:
        activations = shape.layers * tokens * shape.hidden * size + layer
    else:
        activations = shape.layers * layer
    logits = 3 * min(tokens * shape.vocabulary, LOGITS_AT_ONCE) * FP32
    return float(weights + gradients + moments + activations + logits) / GIB


def _rewards(want: Want, sizes: Sizes) -> Estimate:
    passes = int(want.sizes.get("members", 1))
    return _scoring(model_size(want.sizes.get("oracle")), sizes, columns=2 * passes, passes=passes, head=False)


def _scoring(model: ModelSize | None, sizes: Sizes, *, columns: int, passes: int, head: bool) -> Estimate:
    parts = [part for part in (sizes.train, sizes.eval) if part is not None]
    tokens = sum(part.count * part.pair for part in parts)
    rows = sum(part.count for part in parts)
    flops = 0.0
    if model is not None:
        answers = sum(part.count * (part.chosen + part.rejected) for part in parts)
        length = tokens / rows if rows else 0.0
        flops = passes * model.forward(tokens, length, answers if head else 0.0)
    return Estimate(
        tokens=round(tokens * passes),
        flops=flops,
        memory_gib=_forward_memory(model),
        disk_gib=rows * columns * ROW_BYTES / GIB,
    )


def _evaluation(want: Want, sizes: Sizes) -> Estimate:
    """Add up sampling by the student, judging by the oracle, and log-probabilities of the held-out pairs."""
    prompts = sizes.prompts
    model, oracle = (model_size(want.sizes.get(name)) for name in ("model", "oracle"))
    tokens = flops = text = 0.0
    for limit, new in want.sizes["samplings"]:
        if prompts is None:
            break
        count = min(limit or prompts.count, prompts.count)
        # a student that has learned to stop writes about as much as the references
        length = prompts.prompt + min(new, prompts.chosen or new)
        tokens += count * length
        text += count * new * 4
        for judge in (model, oracle):
            flops += judge.forward(count * length, length, count * new if judge is model else 0) if judge else 0
    if want.sizes["pairs"] and sizes.eval is not None:
        pairs = sizes.eval.count * sizes.eval.pair
        tokens += pairs
        flops += model.forward(pairs, sizes.eval.pair, pairs) if model else 0
    memory = max(_forward_memory(model), _forward_memory(oracle))
    return Estimate(tokens=round(tokens), flops=flops, memory_gib=memory, disk_gib=text / GIB)


def _forward_memory(model: ModelSize | None) -> float:
    """Return GiB of the weights, one layer's activations and the logits made at once."""
    if model is None:
        return 0.0
    shape = model.shape
    values = SCORED_AT_ONCE * ACTIVATION_VALUES * shape.hidden + min(SCORED_AT_ONCE * shape.vocabulary, LOGITS_AT_ONCE)
    return (model.parameters * FP32 + values * FP32) / GIB


def _weights(model: ModelSize | None) -> float:
    return model.parameters * FP32 / GIB if model else 0.0


def _rates(manifests: Sequence[Mapping[str, Any]], now: Mapping[str, float]) -> dict[str, float]:
    """Return FLOPs a second for each kind of stage, the median of the artifacts made so far.

    `now`: fingerprint -> FLOPs as estimated now. A manifest holds those of its own plan, which may have been made
    before the rows were counted: they are scaled by what the artifacts that are known to both say.
    """
    then = {made["fingerprint"]: _then(made) for made in manifests}
    scale = median([now[mark] / flops for mark, flops in then.items() if flops and now.get(mark)] or [1.0])
    found: dict[str, list[float]] = {}
    for made in manifests:
        flops = now.get(made["fingerprint"]) or then[made["fingerprint"]] * scale
        if flops > 0 and made["seconds"] > 0:
            found.setdefault(made["kind"], []).append(flops / made["seconds"])
    return {kind: median(values) for kind, values in found.items()}


def _then(manifest: Mapping[str, Any]) -> float:
    flops = manifest["metrics"].get("flops")
    return float(flops) if isinstance(flops, int | float) else 0.0


def _rounded(estimate: Estimate) -> Estimate:
    return replace(
        estimate,
        flops=float(f"{estimate.flops:.3g}"),
        memory_gib=round(estimate.memory_gib, 3),
        disk_gib=round(estimate.disk_gib, 4),
    )
