"""Numbers of a `config.json` that no model can have: sizes, heads that do not share evenly, padding without a row."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drdoctl.core.architectures import BLOOM_NAMES, HEAD_DIMS, SIZES, has_window, plainly_named

OTHER_SIZES = (
    "intermediate_size",
    "ffn_dim",
    "num_key_value_heads",
    "head_dim",
    "word_embed_proj_dim",
    "max_position_embeddings",
    "original_max_position_embeddings",
)
"""The same, where a `config.json` may also leave them out or say null."""
SHOWN = 40
"""Characters of a wrong value that a message shows."""
WHOLE_HEADS = ("bloom", "gpt_neox", "llama", "opt")
"""Types whose heads share `hidden_size` evenly, whatever `head_dim` says."""
HALVED = ("gemma", "llama", "mistral", "qwen2", "qwen3")
"""Types that rotate one half of a head against the other."""
PADDED = ("gemma", "llama", "mistral", "opt", "phi3", "qwen2", "qwen3")
"""Types whose embedding has a row for the padding token, which transformers asks for."""


def impossible(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what no model can have in a `config.json` of a supported type: field -> what is wrong, as a clause.

    What is left out is not looked at: transformers has numbers of its own for that.
    """
    bloom, asked = config.get("model_type") == "bloom", config
    config = plainly_named(config)
    names = [name for name in SIZES if name in config]
    others = (*OTHER_SIZES, "sliding_window") if has_window(config) else OTHER_SIZES
    names += [name for name in others if config.get(name) is not None]
    sizes = {name: config[name] for name in names}
    # to Python `true` is a number
    wrong = {name: size for name, size in sizes.items() if type(size) is not int or size < 1}
    if wrong:
        found = {name: f"is `{_shown(size)}`, not a whole number of at least 1" for name, size in wrong.items()}
    else:
        found = _uneven(str(config.get("model_type")), sizes) | _unpadded(asked)
    written = {plain: name for name, plain in BLOOM_NAMES.items() if bloom and asked.get(name) is not None}
    return {written.get(name, name): why for name, why in found.items()}


def _uneven(kind: str, sizes: Mapping[str, int]) -> dict[str, str]:
    """Return what does not divide what it shares."""
    hidden, heads = sizes.get("hidden_size"), sizes.get("num_attention_heads")
    groups, head = sizes.get("num_key_value_heads"), sizes.get("head_dim")
    found = {}
    if hidden and heads and (kind in WHOLE_HEADS or (head is None and kind not in HEAD_DIMS)):
        if hidden % heads:
            found["num_attention_heads"] = f"is {heads}, which does not divide `hidden_size` ({hidden})"
        elif head is None and kind in HALVED and hidden // heads % 2:
            found["num_attention_heads"] = f"leaves each head {hidden // heads} features, which cannot be halved"
    if heads and groups and heads % groups and kind not in ("gpt_neox", "opt"):
        found["num_key_value_heads"] = f"is {groups}, which does not divide `num_attention_heads` ({heads})"
    if head and kind in HALVED and head % 2:
        found["head_dim"] = f"is {head}, which cannot be halved"
    return found


def _unpadded(config: Mapping[str, Any]) -> dict[str, str]:
    """Return what is wrong with the padding token, which is often added to a tokenizer and not to the model."""
    pad, words = config.get("pad_token_id"), config.get("vocab_size")
    if config.get("model_type") not in PADDED or type(pad) is not int or words is None or pad < words:
        return {}
    return {"pad_token_id": f"is {pad}, and the model has embeddings for {words} tokens alone (`vocab_size`)"}


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
