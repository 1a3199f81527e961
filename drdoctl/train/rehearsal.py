"""What a stage does before its first step, done once on a toy: children forked afterwards find it done.

Imports that transformers and DeepSpeed put off until a model is loaded or a group is joined, tables and patterns that
they make on first use, and torch's first calls: a second of CPU for each stage.

Safe before a fork: it starts no thread that stays (an intra-op pool, tokenizers' or tqdm's would be missing in the
child, and be waited for), joins no process group, touches neither CUDA nor the disk, and keeps nothing. Random streams
need no care, for every stage seeds its own.
"""

from __future__ import annotations

import importlib
import os

import torch
from transformers.utils import logging

from drdoctl.train.attention import NAME as TREES
from drdoctl.train.batches import collate
from drdoctl.train.engine import optimizer
from drdoctl.train.models import Policy, new_head, new_lm

LATE = (
    "deepspeed.comm.mori",
    "deepspeed.module_inject.auto_ep_layer",
    "deepspeed.ops.op_builder.all_ops",
    "pyarrow.compute",
    "pyarrow.parquet",
)
"""Modules that libraries import when a process group or an engine is made."""
TOY = {
    "model_type": "llama",
    "hidden_size": 8,
    "layers": 32,  # transformers compiles a pattern for each name of a weight: those of so many layers are made here
    "heads": 2,
    "mlp_size": None,
    "max_positions": 32,
    "tied": True,
    "activation": "silu",
    "rope_theta": 1e4,
    "init_std": 0.02,
}
OPTIMIZER = {"learning_rate": 1e-3, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.99}
ASYNC = "HF_DEACTIVATE_ASYNC_LOAD"


def rehearse() -> None:
    """Load a toy model from memory and take a step with it."""
    for name in LATE:
        importlib.import_module(name)
    torch.set_num_threads(1)
    policy = _loaded()
    batch = collate([([1, 2], ([3, 4], [5, 6]))])
    outputs = policy(batch)
    (outputs.logp.sum() + outputs.reward.sum()).backward()
    optimizer(policy, OPTIMIZER).step()


def _loaded() -> Policy:
    made = new_lm(TOY, 0, 16, {})
    bars, before = logging.is_progress_bar_enabled(), os.environ.get(ASYNC)
    logging.disable_progress_bar()
    os.environ[ASYNC] = "1"
    try:
        lm = type(made).from_pretrained(
            None, config=made.config, state_dict=made.state_dict(), dtype=torch.float32, attn_implementation=TREES
        )
    finally:
        if bars:
            logging.enable_progress_bar()
        if before is None:
            del os.environ[ASYNC]
        else:
            os.environ[ASYNC] = before
    return Policy(lm, new_head(lm.config, 0))
