"""Sizes of the recipes' models and datasets on the Hub, so that a plan has estimates before anything is downloaded.

Estimates only: no fingerprint rests on these, and what the local cache or a data report says goes before them.
"""

from __future__ import annotations

from typing import Any


def _opt(hidden: int, layers: int, heads: int, embedding: int | None = None) -> dict[str, Any]:
    return {
        "model_type": "opt",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "ffn_dim": 4 * hidden,
        "word_embed_proj_dim": embedding or hidden,
        "vocab_size": 50272,
        "max_position_embeddings": 2048,
        "tie_word_embeddings": True,
    }


CONFIGS: dict[str, dict[str, Any]] = {
    "facebook/opt-125m": _opt(768, 12, 12),
    "facebook/opt-350m": _opt(1024, 24, 16, embedding=512),
    "facebook/opt-1.3b": _opt(2048, 24, 32),
    "facebook/opt-2.7b": _opt(2560, 32, 32),
    "microsoft/Phi-3-mini-4k-instruct": {
        "model_type": "phi3",
        "hidden_size": 3072,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
        "intermediate_size": 8192,
        "vocab_size": 32064,
        "max_position_embeddings": 4096,
        "sliding_window": 2047,
        "tie_word_embeddings": False,
    },
    "HuggingFaceTB/SmolLM2-135M-Instruct": {
        "model_type": "llama",
        "hidden_size": 576,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "intermediate_size": 1536,
        "vocab_size": 49152,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
    },
}
"""The numbers of the repositories' `config.json` that sizes follow from."""

ROWS: dict[str, int] = {
    "HuggingFaceH4/ultrafeedback_binarized": 61135,
    "openai/summarize_from_feedback": 92858,
}
"""Training pairs (arXiv 2310.01377's binarized form; arXiv 2009.01325's comparisons)."""
