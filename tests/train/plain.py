"""The plain computation that the engine is held against, with stock transformers alone.

One sequence a row, the prompt once for each response, right padding, a padding mask, torch's own attention, logits of
every cell. Nothing of drdoctl's layout, attention or head is used here.
"""

from __future__ import annotations

import copy
import math
import sys
import types
from contextlib import contextmanager

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from drdoctl.train.attention import NAME as TREES
from drdoctl.train.kernels import HALVES
from drdoctl.train.models import Policy, new_head

VOCABULARY = 50
COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "initializer_range": 0.1,
    "eos_token_id": 1,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "tie_word_embeddings": True,
}
OPT = {"ffn_dim": 48, "init_std": 0.1, "dropout": 0.0, "layerdrop": 0.0}
SHAPES = {
    "llama": {"model_type": "llama", "num_key_value_heads": 4},
    "llama-grouped": {"model_type": "llama", "num_key_value_heads": 2},
    "llama-untied": {"model_type": "llama", "num_key_value_heads": 1, "tie_word_embeddings": False, "head_dim": 16},
    "opt": {"model_type": "opt", "word_embed_proj_dim": 32, **OPT},
    "opt-projected": {"model_type": "opt", "word_embed_proj_dim": 16, "do_layer_norm_before": False, **OPT},
    "phi3": {
        "model_type": "phi3",
        "num_key_value_heads": 2,
        "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0, "partial_rotary_factor": 0.5},
    },
    "qwen2": {"model_type": "qwen2", "num_key_value_heads": 2},
    "qwen3": {"model_type": "qwen3", "num_key_value_heads": 2, "head_dim": 8},
    "mistral": {"model_type": "mistral", "num_key_value_heads": 2, "sliding_window": None},
    "gpt_neox": {"model_type": "gpt_neox", "rotary_pct": 0.5, "tie_word_embeddings": False},
    "gemma": {"model_type": "gemma", "num_key_value_heads": 1, "head_dim": 16},
    "bloom": {"model_type": "bloom"},
    "bloom-normed": {
        "model_type": "bloom",
        "hidden_size": 36,
        "num_attention_heads": 6,
        "apply_residual_connection_post_layernorm": True,
    },
}
"""The supported architectures, small, with what sets each apart: grouped heads, projections, partial rotation."""
PAIRS = [
    ([3, 4, 5], ([6, 7, 1], [8, 1])),
    ([9, 10], ([11, 12, 13, 1], [14, 15, 1])),
    ([20], ([1], [2, 22, 23, 24, 25, 26, 27, 28, 29, 30, 1])),
    ([21, 22, 23, 24, 31, 32, 33, 34, 35, 36], ([25, 1], [26, 37, 1])),
]
"""Pairs of uneven lengths, one with a prompt and a response of a single token."""


def fields(shape: str) -> dict:
    """Return the config of one of `SHAPES`."""
    return COMMON | SHAPES[shape]


def policy(config: dict, *, double: bool = False) -> Policy:
    """Return the engine's model with random weights and a reward head; nothing in it is zero or one."""
    made = AutoConfig.for_model(**config)
    torch.manual_seed(1)
    lm = AutoModelForCausalLM.from_config(made, attn_implementation=TREES, dtype=torch.float32)
    with torch.no_grad():
        for weight in lm.parameters():
            if weight.ndim == 1:  # norms begin as 1 and biases as 0, where a mistake would not show
                weight.add_(0.1 * torch.randn_like(weight))
    whole = Policy(lm, new_head(lm.config, 0))
    return exact(whole.double()) if double else whole


class Stock(torch.nn.Module):
    """A transformers model as it comes, and a reward head."""

    def __init__(self, lm, head):
        super().__init__()
        self.lm, self.head = lm, head


@contextmanager
def stock_module(model: Stock):
    """Let the model's module rotate by the formula, written out, and take a softmax in its input's type, for a while.

    Bloom's is in float32 whatever it is given.
    """
    module, kind = sys.modules[type(model.lm).__module__], model.lm.config.model_type
    if kind in HALVES:
        name, other = "apply_rotary_pos_emb", _rotated
    elif kind == "bloom":
        name, other = "F", types.SimpleNamespace(**{**vars(module.F), "softmax": _softmax})
    else:
        yield
        return
    ours = getattr(module, name)
    setattr(module, name, other)
    try:
        yield
    finally:
        setattr(module, name, ours)


def _softmax(x, dim, dtype):
    return x.softmax(dim, torch.promote_types(x.dtype, dtype))


def _rotated(q, k, cos, sin):
    cos, sin, half = cos.unsqueeze(1), sin.unsqueeze(1), q.shape[-1] // 2
    return tuple(x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin for x in (q, k))


def stock(model: Policy) -> Stock:
    """Return a stock transformers model with the same weights, held with a copy of the reward head."""
    config = copy.deepcopy(model.lm.config)
    weight = next(model.parameters())
    # Bloom has one attention of its own
    attention = "eager" if config.model_type == "bloom" else "sdpa"
    lm = AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=weight.dtype)
    lm.load_state_dict(model.lm.state_dict())
    made = Stock(lm, copy.deepcopy(model.head))
    return exact(made) if weight.dtype == torch.float64 else made


def exact(model):
    """Take out what keeps a float64 model at float32: stock norms that cast down, constants of few digits, and cosines.

    Vector instructions give other last bits to float32 cosines at another place in the row, so each position's are
    looked up in one table.
    """
    for module in model.modules():
        kind = type(module).__name__
        if kind.endswith("RMSNorm") and "forward" not in vars(module):
            module.forward = types.MethodType(_gemma_norm if kind == "GemmaRMSNorm" else _rms_norm, module)
        elif kind == "BloomGelu" and "forward" not in vars(module):
            module.forward = _gelu
        elif kind == "GemmaTextScaledWordEmbedding":
            module.embed_scale = torch.tensor(module.scalar_embed_scale, dtype=torch.float64)
        elif kind.endswith("RotaryEmbedding"):
            angles = module(torch.zeros(1, dtype=torch.float64), torch.arange(COMMON["max_position_embeddings"])[None])
            module.forward = types.MethodType(_look_up(*angles), module)
    return model


def _rms_norm(module, states):
    return torch.nn.functional.rms_norm(states, module.weight.shape, module.weight, module.variance_epsilon)


def _gemma_norm(module, states):
    return torch.nn.functional.rms_norm(states, module.weight.shape, 1 + module.weight, module.eps)


def _gelu(x):
    return 0.5 * x * (1 + ((2 / math.pi) ** 0.5 * (x + 0.044715 * x**3)).tanh())


def _look_up(cosines, sines):
    return lambda _module, _states, position_ids: (cosines[0][position_ids], sines[0][position_ids])


def forward(model: Stock, items) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the summed log-probability and the reward of every response, shapes (N,)."""
    texts = [(list(prompt), list(response)) for prompt, responses in items for response in responses]
    width = max(len(prompt) + len(response) for prompt, response in texts)
    ids, mask = torch.zeros(len(texts), width, dtype=torch.long), torch.zeros(len(texts), width, dtype=torch.long)
    for row, (prompt, response) in enumerate(texts):
        ids[row, : len(prompt) + len(response)] = torch.tensor(prompt + response)
        mask[row, : len(prompt) + len(response)] = 1
    with stock_module(model):
        logp = model.lm(input_ids=ids, attention_mask=mask, use_cache=False).logits.log_softmax(-1)
        hidden = model.lm.base_model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    sums, rewards = [], []
    for row, (prompt, response) in enumerate(texts):
        before = torch.arange(len(prompt) - 1, len(prompt) + len(response) - 1)
        sums.append(logp[row, before, torch.tensor(response)].double().sum())
        rewards.append(model.head(hidden[row, len(prompt) + len(response) - 1])[0])
    return torch.stack(sums), torch.stack(rewards)


def gradients(model: torch.nn.Module, value: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return the gradient of a value by every weight's name; weights that it does not reach are left out."""
    model.zero_grad()
    value.backward()
    return {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}


def distance(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """Return the norm of the difference of two gradients over the norm of the second. They must reach the same weights.

    Weights are held together, not one by one: a few have no gradient but rounding (a key's bias shifts all of a
    query's scores alike).
    """
    assert ours.keys() == theirs.keys()
    apart = sum(float((ours[name] - theirs[name]).double().norm() ** 2) for name in ours)
    return (apart / sum(float(value.double().norm() ** 2) for value in theirs.values())) ** 0.5
