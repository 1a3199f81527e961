"""Low-rank adapters (LoRA, arXiv 2106.09685): which matrices they may sit on, and how many weights they train.

No torch here: plans count with these.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drdoctl.core.architectures import Shape
from drdoctl.core.errors import Fault

ALL_LINEAR = "all-linear"
"""Every matrix of the decoder layers, never the LM head: as many as QLoRA (arXiv 2305.14314, section 4) needed."""
NO_LIBRARY = (
    "no-bitsandbytes",
    "`quantize: nf4` needs bitsandbytes, which is not installed",
    None,
    "`pip install 'drdoctl[qlora]'`",
)
NF4 = "nf4"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
"""What peft reads: rank, alpha, targets, and the base with its revision."""
ADAPTER_BASE = "adapter_base.json"
"""What drdoctl notes beside it: `{"config": the base's config.json, "quantize": "none" | "nf4"}`."""


def matrices(shape: Shape) -> dict[str, tuple[int, int]]:
    """Return the matrices of one decoder layer: transformers' module name -> (features in, features out)."""
    hidden, mlp, q, kv = shape.hidden, shape.mlp, shape.q_width, shape.kv_width
    if shape.model_type == "phi3":
        attention = {"qkv_proj": (hidden, q + 2 * kv), "o_proj": (q, hidden)}
        return attention | {"gate_up_proj": (hidden, 2 * mlp), "down_proj": (mlp, hidden)}
    if shape.model_type in ("bloom", "gpt_neox"):
        attention = {"query_key_value": (hidden, q + 2 * kv), "dense": (q, hidden)}
        return attention | {"dense_h_to_4h": (hidden, mlp), "dense_4h_to_h": (mlp, hidden)}
    attention = {"q_proj": (hidden, q), "k_proj": (hidden, kv), "v_proj": (hidden, kv)}
    if shape.model_type == "opt":
        return attention | {"out_proj": (q, hidden), "fc1": (hidden, mlp), "fc2": (mlp, hidden)}
    attention["o_proj"] = (q, hidden)
    return attention | {"gate_proj": (hidden, mlp), "up_proj": (hidden, mlp), "down_proj": (mlp, hidden)}


def matrix_names(model_type: str) -> list[str]:
    """Return the names of the matrices of one decoder layer, whatever their sizes."""
    sizes = dict.fromkeys(("layers", "hidden", "heads", "kv_width", "q_width", "mlp", "vocabulary", "embedding"), 1)
    return list(matrices(Shape(model_type, **sizes, positions=None, tied=False)))


def targets(shape: Shape, target: Sequence[str]) -> list[str]:
    """Return the matrices that get an adapter, in the order of `matrices`. Names that are none drop out."""
    return [name for name in matrices(shape) if name in target or ALL_LINEAR in target]


def trained_parameters(shape: Shape, lora: Mapping[str, Any]) -> int:
    """Return the weights that an adapter trains: `rank` x (in + out) for each target matrix of each layer.

    `lora`: the spec's section with at least `rank` and `target`.
    """
    sizes = matrices(shape)
    return int(lora["rank"]) * shape.layers * sum(sum(sizes[name]) for name in targets(shape, lora["target"]))


def lora_of(settings: Mapping[str, Any], who: str) -> dict[str, Any] | None:
    """Return the adapter's settings (`rank`, `alpha`, `target`, `quantize` …) from a stage's dotted ones, or None.

    `who`: `student` or `oracle`. None: all parameters are trained.
    """
    head = f"{who}.lora."
    found = {key[len(head) :]: value for key, value in settings.items() if key.startswith(head)}
    return found if "rank" in found else None


def without_nf4(settings: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """Return what this machine lacks for stages with these settings: bitsandbytes, where one has 4-bit matrices."""
    wanted = any(each.get(f"{who}.lora.quantize") == NF4 for each in settings for who in ("student", "oracle"))
    return [Fault(*NO_LIBRARY)] if wanted and importlib.util.find_spec("bitsandbytes") is None else []
