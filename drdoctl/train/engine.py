"""DeepSpeed's configuration, from a spec's settings and resources."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from drdoctl.train.clipping import APART, HeadClip
from drdoctl.train.models import Policy

RATE = "rate"
"""Key of a parameter group: its learning rate, in that of the step; 1 where it is left out."""
BUCKET = 200_000_000
"""Elements that ZeRO reduces at once; its own default allocates 2 GB whatever the model's size."""


def config(
    settings: Mapping[str, Any],
    resources: Mapping[str, Any],
    dtype: str,
    parameters: int,
) -> dict[str, Any]:
    """Return DeepSpeed's configuration.

    bf16 is autocast over float32 master weights at every ZeRO stage: DeepSpeed 0.19's own bf16 at stage
    0 takes a phantom optimizer step, and one meaning of `bf16` must not depend on `resources`. For that gradients, and
    with ZeRO 3 weights, travel in float32: DeepSpeed would send those of linear layers in bfloat16, and with them a
    tied embedding, which autocast leaves in float32.
    """
    bucket = min(BUCKET, parameters)
    zero: dict[str, Any] = {"stage": resources["zero_stage"], "reduce_bucket_size": bucket}
    if resources["zero_stage"] < 3:
        zero["allgather_bucket_size"] = bucket
    if resources["offload"] != "none":
        zero["offload_optimizer"] = {"device": "cpu"}
    if resources["offload"] == "all":
        zero["offload_param"] = {"device": "cpu"}
    made: dict[str, Any] = {
        "train_micro_batch_size_per_gpu": 1,
        "gradient_accumulation_steps": 1,  # the loop marks the boundaries itself: steps differ in their micro-batches
        "gradient_clipping": settings["max_grad_norm"],
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": True,
        "zero_force_ds_cpu_optimizer": False,
        "steps_per_print": 1 << 60,
    }
    if dtype == "bf16":
        made["torch_autocast"] = {"enabled": True, "dtype": "bfloat16", "lower_precision_safe_modules": []}
    return made


def optimizer(
    model: nn.Module, settings: Mapping[str, Any], head: nn.Module | None = None, rate: float = 1.0
) -> torch.optim.Optimizer:
    """Return AdamW with decay on matrices only. Plain torch: nothing to compile.

    `head`: a part of the model in a group of its own, whose learning rate is `rate` times the others'. Fused: on a CPU
    it takes a sixth of the time of `foreach`, and no copies of the moments.
    """
    apart = list(head.parameters()) if head is not None else []
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    trained = [weight for weight in trained if not any(weight is one for one in apart)]
    groups: list[dict[str, Any]] = [
        {"params": [weight for weight in trained if weight.ndim > 1], "weight_decay": settings["weight_decay"]},
        {"params": [weight for weight in trained if weight.ndim <= 1], "weight_decay": 0.0},
        {"params": apart, "weight_decay": settings["weight_decay"], RATE: rate, APART: True},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=settings["learning_rate"],
        betas=(settings["beta1"], settings["beta2"]),
        fused=True,
    )


def initialize(policy: Policy, settings: Mapping[str, Any], resources: Mapping[str, Any], dtype: str) -> Any:
    """Hand the policy to DeepSpeed and return its engine."""
    import deepspeed

    apart = policy.head_rate != 1.0 or policy.head_limit is not None
    adamw = optimizer(policy, settings, policy.head if apart else None, policy.head_rate)
    if policy.head_limit is not None:
        parts = resources["zero_stage"] and resources["processes"] > 1
        meet_on = next(policy.lm.parameters()).device if parts else None
        policy.head_clip = HeadClip(policy.head_limit, settings["max_grad_norm"], meet_on)
        adamw.register_step_pre_hook(policy.head_clip)
    engine, *_ = deepspeed.initialize(
        model=policy,
        optimizer=adamw,
        config=config(settings, resources, dtype, sum(weight.numel() for weight in policy.parameters())),
        dist_init_required=False,
    )
    if policy.head_clip is not None and resources["zero_stage"]:
        policy.head_clip.zero = engine.optimizer
    if not resources["zero_stage"] and resources["processes"] == 1:
        # with nobody to reduce them with, gradients would be laid out flat, a copy of them all, and copied back
        engine.enable_backward_allreduce = False
    return engine


def gathered(engine: Any) -> Any:
    """Return a context in which the module's parameters are whole (ZeRO 3 keeps them in parts)."""
    import deepspeed

    return deepspeed.zero.GatheredParameters(
        list(engine.module.parameters()),
        modifier_rank=None,
        enabled=engine.zero_optimization_stage() == 3,
    )


def step(engine: Any) -> float:
    """Step on the gradients, unless they are not finite, and forget them. Return their global norm before clipping.

    ZeRO leaves out such a step by itself, and says infinity for its norm; at stage 0 DeepSpeed does not look.
    """
    if engine.zero_optimization_stage():
        engine.step()
        return float(engine.get_global_grad_norm())
    norm = _norm(engine)
    if math.isfinite(norm):
        if engine.module.head_clip is not None:
            engine.module.head_clip.trunk_norm = norm
        engine.step()
    else:
        engine.module.zero_grad()
    return norm


def _norm(engine: Any) -> float:
    norms = torch._foreach_norm([weight.grad for weight in engine.module.parameters() if weight.grad is not None])  # noqa: SLF001 -- what clip_grad_norm_ itself calls
    return float(torch.linalg.vector_norm(torch.stack(norms)))
