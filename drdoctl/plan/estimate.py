"""What a stage will take: steps, tokens, FLOPs, memory, disk, seconds and money.

Estimates are arithmetic on sizes, no promise: they never look at the machine, so that a plan has the same bytes
everywhere. A number that nothing is known about is 0 (seconds: null).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from drdoctl.core.adapters import NF4, lora_of, trained_parameters
from drdoctl.core.micro import micro_tokens
from drdoctl.evals import OF
from drdoctl.methods import methods
from drdoctl.plan import memory, reference, work
from drdoctl.plan.activations import FP32
from drdoctl.plan.asking import asked
from drdoctl.plan.load import load_of
from drdoctl.plan.memory import GIB
from drdoctl.plan.sampled import evaluation
from drdoctl.plan.seconds import Witness, Work, device_of, likeness, nominal, slowness, witnesses
from drdoctl.plan.sizes import Basis, ModelSize, Rows, Sizes, likely, model_size, trained_on
from drdoctl.plan.types import Estimate
from drdoctl.stages import Want
from drdoctl.stages.blueprint import is_pull

ROW_BYTES = 16
"""Bytes a cached number takes in Parquet, with its share of the ids."""
WHO = {"sft": "student", "oracle": "oracle", "align": "student", "logps": "student", "rewards": "oracle"}
PREFIX = {"sft": "student.sft", "oracle": "oracle", "align": "train"}
HOUR = 3600


def estimates(wants: Sequence[Want], basis: Basis, resources: Mapping[str, Any]) -> list[Estimate]:
    """Return one estimate for each stage, in order."""
    found = [_estimate(want, basis.sizes(want), resources) for want in wants]
    now = {want.fingerprint: estimate.flops for want, estimate in zip(wants, found, strict=True)}
    known_speeds = witnesses(basis.manifests, now)
    return [_rounded(_priced(_timed(one, known_speeds, resources), resources)) for one in found]


def _timed(estimate: Estimate, known: Sequence[Witness], resources: Mapping[str, Any]) -> Estimate:
    """Add seconds: as asked, as earlier stages tell, or as assumed."""
    if not estimate.nominal_seconds:
        return estimate
    factor = None if resources.get("gflops") else slowness(estimate.likeness, known)
    basis = "earlier" if factor is not None else "given" if resources.get("gflops") else "assumed"
    return replace(estimate, seconds=estimate.nominal_seconds * (factor or 1.0), basis=basis)


def _priced(estimate: Estimate, resources: Mapping[str, Any]) -> Estimate:
    price, judge = resources.get("price_per_hour"), (estimate.judge or {}).get("cost")
    hours = None if price is None or estimate.seconds is None else price * estimate.seconds / HOUR
    if hours is None and judge is None:
        return estimate
    return replace(estimate, cost=(hours or 0.0) + (judge or 0.0))


def _estimate(want: Want, sizes: Sizes | None, resources: Mapping[str, Any]) -> Estimate:
    model = model_size(want.sizes.get("model"))
    if is_pull(want):
        return Estimate(disk_gib=_weights(model))
    if sizes is None:
        return Estimate()
    if want.kind == "data":
        made = _data(sizes)
    elif want.kind in PREFIX:
        made = _training(want, reference.with_samples(want, trained_on(want, sizes)), resources)
    else:
        scoring: dict[str, Callable[[], tuple[Estimate, Work]]] = {
            "logps": lambda: _logps(want, model, sizes, resources),
            "rewards": lambda: _rewards(want, sizes, resources),
            "evaluate": lambda: (
                _rewards(want, sizes, resources)
                if OF in want.settings
                else evaluation(want, sizes, _dtype(want), resources)
            ),
        }
        made = scoring.get(want.kind, lambda: (Estimate(), Work()))()
    estimate, todo = replace(made[0], judge=asked(want, sizes.prompts, resources)), made[1]
    if not (todo.flops or todo.read):
        return estimate
    alone = {**resources, "processes": 1} if want.kind == "data" else resources
    begun = todo + Work(starts=work.start_seconds(want.kind, resources))
    facts = {**{name: alone.get(name) for name in ("processes", "threads", "device")}, "dtype": _dtype(want)}
    return replace(
        estimate,
        nominal_seconds=round(nominal(begun, _dtype(want), alone), 4),
        likeness=likeness(want.kind, facts),
    )


def _dtype(want: Want) -> str:
    who = "oracle" if want.kind in ("oracle", "rewards") else "student"
    return str(want.settings.get(f"{who}.dtype") or "fp32")


def _data(sizes: Sizes) -> tuple[Estimate, Work]:
    parts = [part for part in (sizes.train, sizes.eval) if part is not None]
    tokens = sum(part.count * part.pair for part in parts)
    # token ids in 4 bytes, text beside them in about as many
    return Estimate(tokens=round(tokens), disk_gib=tokens * 8 / GIB), Work(read=tokens)


def _training(want: Want, rows: Rows | None, resources: Mapping[str, Any]) -> tuple[Estimate, Work]:
    model, pairs, prefix = model_size(want.sizes.get("model")), want.kind != "sft", PREFIX[want.kind]
    settings = {key: want.settings[f"{prefix}.{key}"] for key in ("max_steps", "epochs", "global_batch")}
    steps = training_steps(settings, rows.count if rows else None)
    length = (rows.pair if pairs else rows.single) if rows else 0.0
    each = settings["global_batch"] * length
    lora, dtype = lora_of(want.settings, WHO[want.kind]), _dtype(want)
    adapter = trained_parameters(model.shape, lora) if lora is not None and model is not None else None
    # what SFT leaves of an adapter is merged by alignment
    alone = lora is not None and not lora.get("merge")
    left = (adapter or 0) * FP32 / GIB if alone else _weights(model)
    estimate = Estimate(steps=steps, tokens=round(each * steps), disk_gib=left)
    if model is None:
        return estimate, Work()
    usual = micro_tokens(device_of(resources), model.shape.layers, model.shape.hidden)
    budget = resources["micro_tokens"] or usual
    load = load_of(rows or likely(want), settings["global_batch"], resources, budget, pairs=pairs)
    peak = memory.training(
        model,
        load,
        dtype,
        resources,
        steps=steps,
        adapter=adapter,
        quantized=lora is not None and lora.get("quantize") == NF4,
    )
    if want.kind == "oracle" and not alone:
        peak = memory.saved_oracle(peak, model, resources)
    if rows is None:
        return replace(estimate, **peak.told()), Work()
    forward = model.forward(each, length, each - settings["global_batch"] * rows.prompt)
    passes = 2.0 if want.kind == "align" and _looks_first(want) else 1.0
    learnt = model.parameters if adapter is None else adapter
    step = work.training_step(model, load, each, settings["global_batch"], dtype, resources, learnt, passes)
    # the backward pass costs twice the forward pass
    estimate = replace(estimate, flops=(2 + passes) * forward * steps, **peak.told())
    flops = (2 + passes + (1 if resources["gradient_checkpointing"] else 0)) * forward / resources["processes"]
    return estimate, (step + Work(flops=flops)).times(steps)


def _looks_first(want: Want) -> bool:
    """Whether the method needs statistics of the whole batch before its loss: one more forward pass."""
    fields = {key[7:]: value for key, value in want.settings.items() if key.startswith("method.")}
    method = methods()[fields["name"]].model_validate({**fields, "learning_rate": None})
    return method.batch_stats or method.needs_mismatched


def training_steps(settings: Mapping[str, Any], rows: int | None) -> int:
    """Return the optimizer steps: `max_steps`, or whole global batches in `epochs` passes; 0 where rows are unknown."""
    if settings["max_steps"] is not None:
        return int(settings["max_steps"])
    if rows is None:
        return 0
    return max(1, int(settings["epochs"] * rows // settings["global_batch"]))


def _logps(want: Want, model: ModelSize | None, sizes: Sizes, resources: Mapping[str, Any]) -> tuple[Estimate, Work]:
    drawing = reference.drawing(want, model, sizes.train, _dtype(want), resources)
    scoring = _scoring(want, model, reference.scored(want, sizes), resources, columns=4, head=True)
    return reference.together(scoring, drawing)


def _rewards(want: Want, sizes: Sizes, resources: Mapping[str, Any]) -> tuple[Estimate, Work]:
    passes = int(want.sizes.get("members", 1))
    model = model_size(want.sizes.get("oracle"))
    return _scoring(want, model, sizes, resources, columns=2 * passes, passes=passes, head=False)


def _scoring(
    want: Want,
    model: ModelSize | None,
    sizes: Sizes,
    resources: Mapping[str, Any],
    *,
    columns: int,
    head: bool,
    passes: int = 1,
) -> tuple[Estimate, Work]:
    known = (getattr(sizes, name) for name in want.sizes.get("parts", ("train", "eval")))
    parts = [part for part in known if part is not None]
    tokens = sum(part.count * part.pair for part in parts)
    rows = sum(part.count for part in parts)
    estimate = Estimate(tokens=round(tokens * passes), disk_gib=rows * columns * ROW_BYTES / GIB)
    if model is None:
        return estimate, Work()
    answers = sum(part.count * (part.chosen + part.rejected) for part in parts) if head else 0.0
    flops = passes * model.forward(tokens, tokens / rows if rows else 0.0, answers)
    peak = memory.scoring(model, tokens if parts else memory.SCORED_AT_ONCE, answers, _dtype(want), resources)
    todo = work.scoring(model, tokens, rows, answers, _dtype(want)) + Work(flops=flops / passes)
    pieces = [work.scored_pieces(part.count * part.pair) for part in parts]
    share = max((work.busiest(one, resources["processes"]) for one in pieces), default=1.0)
    return replace(estimate, flops=flops, **peak.told()), todo.times(passes * share)


def _weights(model: ModelSize | None) -> float:
    return model.parameters * FP32 / GIB if model else 0.0


def _rounded(estimate: Estimate) -> Estimate:
    return replace(
        estimate,
        flops=float(f"{estimate.flops:.3g}"),
        seconds=None if estimate.seconds is None else round(estimate.seconds, 1),
        cost=None if estimate.cost is None else round(estimate.cost, 4),
        memory_gib=round(estimate.memory_gib, 3),
        disk_gib=round(estimate.disk_gib, 4),
    )
