"""Bloom through transformers' attention interface: ALiBi as features of queries and keys.

ALiBi (Press et al., arXiv 2108.12409) adds slope x (position of the key - position of the query) to each score of a
head; what is the same for all scores of a query, softmax does not see. With q' = [q, 1], v' = [v, 0] and
k' = [k, slope x position / scale] that is plain attention, scale q'k', which every kernel knows. Positions are numbers
here, so a second response begins after its prompt; transformers' own Bloom counts places along the row, and takes no
attention function.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import create_causal_mask
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS, slice_logits_to_keep

from drdoctl.core.architectures import alibi_features


class Alibi(NamedTuple):
    """What stands in the place of transformers' ALiBi tensor: a block hands it to its attention as it is."""

    keys: Tensor
    """The features that keys get, shape (N, H, T, F): their sum is slope x position / scale."""
    attend: Callable[..., tuple[Tensor, Any]]
    """The attention function that the model is set to, told of the batch."""


def use_interface(model: Any) -> None:
    """Give a Bloom model, with an LM head or another, what other types have: the interface, and positions by number.

    Its GELU becomes torch's own, of which transformers has a chain of elementwise operations.
    """
    trunk = model.base_model
    trunk.forward = partial(_states, trunk)
    for block in trunk.h:
        block.self_attention.forward = partial(_attended, block.self_attention)
        block.mlp.gelu_impl.forward = partial(functional.gelu, approximate="tanh")
    if hasattr(model, "lm_head"):
        model.forward = partial(_logits, model)
    model._can_set_attn_implementation = lambda: True  # noqa: SLF001  # transformers looks for the interface in its own file


def _logits(lm: Any, input_ids: Tensor, *, logits_to_keep: int = 0, **more: Any) -> CausalLMOutputWithPast:
    out = lm.transformer(input_ids, **more)
    logits = lm.lm_head(slice_logits_to_keep(out.last_hidden_state, logits_to_keep))
    return CausalLMOutputWithPast(logits=logits, past_key_values=out.past_key_values)


def _states(
    trunk: Any,
    input_ids: Tensor,
    *,
    position_ids: Tensor | None = None,
    attention_mask: Any = None,
    past_key_values: Any = None,
    **more: Any,
) -> BaseModelOutputWithPast:
    """Return the last states, shape (N, T, D). `more` goes to the attention function, and to the blocks."""
    hidden = trunk.word_embeddings_layernorm(trunk.word_embeddings(input_ids))
    if position_ids is None:  # for left-padded rows, too: only differences count
        before = past_key_values.get_seq_length() if past_key_values is not None else 0
        position_ids = torch.arange(before, before + input_ids.shape[1], device=hidden.device)[None]
    told = {
        "config": trunk.config,
        "inputs_embeds": hidden,
        "attention_mask": attention_mask,
        "past_key_values": past_key_values,
        "position_ids": position_ids,
    }
    mask = create_causal_mask(**told)
    function = ALL_ATTENTION_FUNCTIONS.get_interface(trunk.config._attn_implementation, sdpa_attention_forward)  # noqa: SLF001  # no other way to ask
    alibi = Alibi(_features(trunk, hidden, position_ids), partial(function, **more))
    for block in trunk.h:
        hidden = block(hidden, alibi=alibi, attention_mask=mask, layer_past=past_key_values, **more)[0]
    return BaseModelOutputWithPast(last_hidden_state=trunk.ln_f(hidden), past_key_values=past_key_values)


def _features(trunk: Any, hidden: Tensor, positions: Tensor) -> Tensor:
    """Return the features of keys at `positions`, shape (N, T) -> (N, H, T, F), in the type that matrices give."""
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    kind, dtype = hidden.device.type, hidden.dtype
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
    slopes = build_alibi_tensor(torch.ones(1, 2, device=hidden.device), trunk.num_heads, hidden.dtype)[:, 0, 1]
    scale = trunk.h[0].self_attention.inv_norm_factor
    rest = slopes[:, None] * positions[:, None].to(slopes.dtype) / scale
    parts = []
    for _ in range(alibi_features(trunk.h[0].self_attention.head_dim)):
        parts.append(rest.to(dtype))  # in bfloat16 one would round positions beyond 256, three hold 24 bits
        rest = rest - parts[-1]
    return torch.stack(parts, dim=-1)


def _attended(
    attention: Any,
    hidden: Tensor,
    residual: Tensor,
    alibi: Alibi,
    attention_mask: Any = None,
    layer_past: Any = None,
    **unused: Any,  # noqa: ARG001  # what transformers' blocks hand on
) -> tuple[Tensor, None]:
    """Return the residual with the attention's output added, shape (N, T, D)."""
    fused = attention.query_key_value(hidden).unflatten(-1, (attention.num_heads, 3, attention.head_dim))
    query, key, value = (part.transpose(1, 2) for part in fused.unbind(-2))
    more = alibi.keys.to(key.dtype).expand(*key.shape[:3], -1)
    query, key, value = (
        torch.cat((part, features), dim=-1)
        for part, features in ((query, torch.ones_like(more)), (key, more), (value, torch.zeros_like(more)))
    )
    if layer_past is not None:
        key, value = layer_past.update(key, value, attention.layer_idx)
    out, _ = alibi.attend(attention, query, key, value, attention_mask, scaling=attention.inv_norm_factor)
    return attention.dense(out[..., : attention.head_dim].flatten(2)) + residual, None
