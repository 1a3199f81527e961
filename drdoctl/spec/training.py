"""The settings every training stage shares. Defaults are the papers' (DRDO, Table 6 and appendix D)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drdoctl.core.adapters import ALL_LINEAR
from drdoctl.core.parts import Model
from drdoctl.spec.sugar import OneOrMany


class Training(Model):
    """How to train: optimizer, schedule, batch. All of it is inside the fingerprint."""

    learning_rate: float = Field(default=5e-6, gt=0)
    """Peak learning rate of AdamW."""
    epochs: float = Field(default=1, gt=0)
    """Passes over the rows; has no effect when `max_steps` is given, so giving both is an error."""
    max_steps: int | None = Field(default=None, ge=1)
    """Optimizer steps, in place of `epochs`."""
    global_batch: int = Field(default=64, ge=1)
    """Rows (pairs, or demonstrations) in one optimizer step, over all processes and micro-batches."""
    scheduler: Literal["cosine", "linear", "constant"] = "cosine"
    """Shape of the learning rate after warm-up."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps of linear warm-up; without it and without `warmup_ratio`, none."""
    warmup_ratio: float | None = Field(default=None, ge=0, le=1)
    """Warm-up as a share of all steps; excludes `warmup_steps`."""
    weight_decay: float = Field(default=0.05, ge=0)
    """AdamW's decoupled weight decay (not on norms and biases)."""
    beta1: float = Field(default=0.9, ge=0, lt=1)
    """AdamW's first-moment decay."""
    beta2: float = Field(default=0.999, ge=0, lt=1)
    """AdamW's second-moment decay."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are clipped to this global norm."""
    skip_not_finite: int = Field(default=0, ge=0)
    """Steps of the stage that may be left out because their loss or gradients are not finite; the next one ends it."""


class Lora(Model):
    """A low-rank adapter (LoRA, arXiv 2106.09685) in place of training all parameters.

    The base stays as it is. An adapter wants about ten times the learning rate of full training.
    """

    rank: int = Field(default=16, ge=1)
    """r: an adapter on a matrix of m x n trains r x (m + n) weights."""
    alpha: float = Field(default=32, gt=0)
    """The adapter's output is scaled by alpha / rank."""
    target: Annotated[list[Annotated[str, Field(min_length=1)]], OneOrMany(), Field(min_length=1)] = [ALL_LINEAR]  # noqa: RUF012 -- pydantic copies it
    """Which matrices: `all-linear` (every one of the decoder layers), or a list of the architecture's names, such as
    `[q_proj, v_proj]`."""
    quantize: Literal["none", "nf4"] = "none"
    """QLoRA (arXiv 2305.14314): `nf4` holds the base's matrices in 4 bits while the adapter is trained; needs
    `bitsandbytes`. All that follows sees the same rounded base."""
    merge: bool = True
    """What is left at the end: a plain model with the adapter added to its weights, or (false) the adapter alone,
    which names its base."""


class Sft(Training):
    """Supervised fine-tuning of the student before alignment."""

    learning_rate: float = Field(default=1e-5, gt=0)
    """Peak learning rate of AdamW."""
    warmup_steps: int | None = Field(default=None, ge=0)
    """Steps of linear warm-up; without it and without `warmup_ratio`, 100 (or a tenth of the steps, where fewer)."""
    rows: Literal["auto", "chosen", "reference", "demonstrations"] = "auto"
    """What is imitated: the pairs' chosen responses, their human references, or the source's own demonstrations.
    `auto` takes demonstrations where the source has them, else chosen responses."""
