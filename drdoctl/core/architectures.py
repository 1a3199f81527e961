"""The model types drdoctl can train, and what their `config.json` says about their size. No torch here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SUPPORTED = ("bloom", "gemma", "gpt_neox", "llama", "mistral", "opt", "phi3", "qwen2", "qwen3")
"""Positions told by number, and attention through transformers' interface: what the flat layout needs.

Bloom has both from `train/bloom.py`."""
GATED = ("gemma", "llama", "mistral", "phi3", "qwen2", "qwen3")
"""Types whose MLP has three matrices (gate, up, down), RMSNorm, and no bias but for qwen2's q, k and v."""
OPT_POSITION_OFFSET = 2
"""OPT's position table has two rows more than positions."""
WINDOWS: dict[str, int | None] = {"mistral": 4096, "phi3": None, "qwen2": 4096, "qwen3": 4096}
"""Types that know `sliding_window`, and its length where a config does not say."""
WINDOWS_ASKED_FOR = ("qwen2", "qwen3")
"""Types whose window works only with `use_sliding_window: true`."""
PHI3_TRAINED_POSITIONS = 4096
SIZES = ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
"""What every `config.json` says, as whole numbers of at least 1."""
HEAD_DIMS = {"gemma": 256, "qwen3": 128}
"""Types whose `head_dim` does not follow from `hidden_size`, and what it is where a config leaves it out."""
TIED = ("bloom", "gemma", "opt")
"""Types whose LM head is the embedding's where a config does not say."""
BLOOM_NAMES = {"n_embed": "hidden_size", "n_layer": "num_hidden_layers", "n_head": "num_attention_heads"}
"""Bloom's own names of sizes -> those of all other types. A config may have either."""


def alibi_features(head: int) -> int:
    """Return how many features `train/bloom.py` adds to a head: 3, and up to a width that is a multiple of 8."""
    return 3 + -(head + 3) % 8


@dataclass(frozen=True)
class Shape:
    """What sizes a causal LM. Widths in features, `positions` in tokens (None: not limited by a table or a window)."""

    model_type: str
    layers: int
    hidden: int
    heads: int
    kv_width: int
    """Features of all key (or value) heads together."""
    q_width: int
    """Features of all query heads together."""
    mlp: int
    vocabulary: int
    embedding: int
    """Width of the embeddings; OPT-350m's is smaller than `hidden`."""
    positions: int | None
    tied: bool

    @property
    def alibi(self) -> int:
        """Return the features that heads have more in attention and its cache than here, all heads together."""
        return self.heads * alibi_features(self.q_width // self.heads) if self.model_type == "bloom" else 0

    @property
    def parameters(self) -> int:
        """Return the trainable parameters, the LM head included once (tied or not)."""
        return self.embeddings + self.body

    @property
    def embeddings(self) -> int:
        """Return the parameters of the token and position tables, and of an untied LM head."""
        tables = self.vocabulary * self.embedding * (1 if self.tied else 2)
        if self.model_type == "opt":
            tables += ((self.positions or 0) + OPT_POSITION_OFFSET) * self.hidden
            tables += 0 if self.embedding == self.hidden else 2 * self.embedding * self.hidden
        return tables

    @property
    def body(self) -> int:
        """Return the parameters of the decoder layers and the last norm."""
        hidden, mlp = self.hidden, self.mlp
        projections = hidden * (2 * self.q_width + 2 * self.kv_width)
        if self.model_type in GATED:
            bias = self.q_width + 2 * self.kv_width if self.model_type == "qwen2" else 0
            norms = 2 * hidden + (2 * (self.q_width // self.heads) if self.model_type == "qwen3" else 0)
            return self.layers * (projections + bias + 3 * hidden * mlp + norms) + hidden
        # OPT, GPT-NeoX and Bloom: two matrices, biases everywhere, LayerNorm with weight and bias
        per_layer = projections + 4 * hidden + 2 * hidden * mlp + mlp + hidden + 4 * hidden
        # OPT-350m normalises after each block and has no last norm
        last = 0 if self.embedding != hidden else 2 * hidden
        # Bloom normalises its embeddings
        last += 2 * hidden if self.model_type == "bloom" else 0
        return self.layers * per_layer + last


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """Return the shape that a `config.json` describes, or None where a number is missing or of another kind."""
    config = plainly_named(config)
    try:
        kind, hidden, heads = str(config["model_type"]), int(config["hidden_size"]), int(config["num_attention_heads"])
        head = int(config.get("head_dim") or HEAD_DIMS.get(kind) or hidden // heads)
        return Shape(
            model_type=kind,
            layers=int(config["num_hidden_layers"]),
            hidden=hidden,
            heads=heads,
            kv_width=int(config.get("num_key_value_heads") or heads) * head,
            q_width=heads * head,
            mlp=4 * hidden if kind == "bloom" else int(config.get("intermediate_size") or config["ffn_dim"]),
            vocabulary=int(config["vocab_size"]),
            embedding=int(config.get("word_embed_proj_dim") or hidden),
            positions=_positions(config),
            tied=bool(config.get("tie_word_embeddings", kind in TIED)),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None


def plainly_named(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a `config.json` in the names of all other types, where it is Bloom's: what Bloom reads of it."""
    if config.get("model_type") != "bloom":
        return config
    found = {name: config[name] for name in ("model_type", *SIZES, "tie_word_embeddings") if name in config}
    return found | {plain: config[name] for name, plain in BLOOM_NAMES.items() if config.get(name) is not None}


def is_reward_model(config: Mapping[str, Any]) -> bool:
    """Whether a `config.json` is that of a reward model: a sequence classifier."""
    names = config.get("architectures")
    return isinstance(names, list) and any("SequenceClassification" in str(name) for name in names)


@dataclass(frozen=True)
class Limit:
    """The most tokens that a model takes in one sequence, prompt and response together."""

    tokens: int
    reason: str
    """Why no more, as the end of a sentence."""


def limit_of(config: Mapping[str, Any], *, sampling: bool = False) -> Limit | None:
    """Return the tightest limit of a `config.json`, or None where it sets none. Raises ValueError, TypeError.

    `sampling`: for that the model keeps its own attention, so a window is no limit.
    """
    found = (_table(config), None if sampling else _window(config), _rotation(config))
    return min((limit for limit in found if limit is not None), key=lambda limit: limit.tokens, default=None)


def _table(config: Mapping[str, Any]) -> Limit | None:
    """Positions end: a learned table has no more rows, and `dynamic` rotations change for the whole batch."""
    positions = config.get("max_position_embeddings") if config.get("model_type") != "bloom" else None
    return Limit(int(positions), "its `max_position_embeddings`") if positions else None


def _window(config: Mapping[str, Any]) -> Limit | None:
    """Attention here is over the whole sequence, which is the model's own only as long as its window holds that."""
    if not has_window(config):
        return None
    window = config.get("sliding_window", WINDOWS[str(config.get("model_type"))])
    return Limit(int(window), "its attention looks back no further (`sliding_window`)") if window else None


def has_window(config: Mapping[str, Any]) -> bool:
    """Whether a model's attention has a window, as its type and its config say."""
    kind = str(config.get("model_type"))
    return kind in WINDOWS and bool(config.get("use_sliding_window", kind not in WINDOWS_ASKED_FOR))


def _rotation(config: Mapping[str, Any]) -> Limit | None:
    """Longrope takes other frequencies for a whole batch as soon as one position in it is beyond the trained ones.

    transformers' `dynamic_rope_update`. The other kinds of scaling give a position one angle for good.
    """
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(rope, Mapping):
        return None
    # `su` is longrope's first name, and Phi-3's `yarn` was longrope as well
    old = ("su", "yarn") if config.get("model_type") == "phi3" else ("su",)
    if rope.get("rope_type", rope.get("type")) not in ("longrope", *old):
        return None
    trained = config.get("original_max_position_embeddings") or rope.get("original_max_position_embeddings")
    if trained is None and config.get("model_type") == "phi3":
        trained = PHI3_TRAINED_POSITIONS
    reason = "beyond them `longrope` turns every row of a batch otherwise, so a row's value would depend on its company"
    return Limit(int(trained), reason) if trained else None


def _positions(config: Mapping[str, Any]) -> int | None:
    limit = limit_of(config)
    return limit.tokens if limit is not None else None
