"""Low-rank adapters on a causal LM, through peft: begun, gone on with, written, read, and merged.

An adapter adds (alpha / rank) B A to a matrix W (LoRA, arXiv 2106.09685, eq. 3). Only A and B are trained; B begins at
zero, so that the first step sees the base as it is. peft takes seconds to import, so only functions that use it do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from drdoctl.core.adapters import ADAPTER_BASE, ADAPTER_CONFIG, ADAPTER_WEIGHTS, NF4, matrices, targets
from drdoctl.core.architectures import shape_of
from drdoctl.core.errors import UserError
from drdoctl.core.files import read_json, write_json
from drdoctl.train.quantize import packed, unpacked

NAME = "default"
"""The adapter's name inside peft."""
PREFIX = "base_model.model."
"""What peft puts before the names of weights in an adapter's file."""
SCORE = PREFIX + "score.weight"
"""A reward head in an adapter's file, as peft writes and reads it for `AutoPeftModelForSequenceClassification`."""


def is_adapter(folder: str | Path) -> bool:
    """Whether a folder holds an adapter alone, and no whole model."""
    return Path(folder, ADAPTER_CONFIG).is_file()


def decoder_matrices(lm: Any) -> dict[str, nn.Linear]:
    """Return the matrices of the decoder layers, by the model's dotted names; none that has an adapter."""
    shape = shape_of(lm.config.to_dict())
    names = matrices(shape) if shape is not None else {}
    return {
        name: module
        for name, module in lm.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in names
    }


def attach(lm: Any, lora: Mapping[str, Any], seed: int) -> None:
    """Freeze `lm` and put a fresh adapter on it, in place. The random numbers are a stream of its own."""
    from peft import get_peft_model

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        get_peft_model(lm, _config(lm, lora), adapter_name=NAME, autocast_adapter_dtype=False)
    for weight in weights(lm).values():  # over 4-bit matrices peft makes them bfloat16, too coarse to be stepped
        weight.data = weight.data.to(lm.get_input_embeddings().weight.dtype)


def _config(lm: Any, lora: Mapping[str, Any], **more: Any) -> Any:
    from peft import LoraConfig

    shape = shape_of(lm.config.to_dict())
    names = targets(shape, lora["target"]) if shape is not None else []
    scale = {"r": lora["rank"], "lora_alpha": lora["alpha"], "lora_dropout": 0.0, "bias": "none"}
    return LoraConfig(**scale, target_modules=names, **{"task_type": "CAUSAL_LM", **more})


def weights(lm: Any) -> dict[str, Tensor]:
    """Return the adapter's weights by the names that peft gives them in a file; none where there is no adapter."""
    return {
        PREFIX + name.replace(f".{NAME}.", "."): weight
        for name, weight in lm.named_parameters()
        if f".lora_A.{NAME}." in name or f".lora_B.{NAME}." in name
    }


def save_adapter(
    lm: Any, folder: Path, lora: Mapping[str, Any], base: Mapping[str, Any], score: Tensor | None = None
) -> None:
    """Write the adapter as peft reads it: with `score` (shape (1, D)) that of a reward model.

    `base`: where the base lies, `{"hub": id, "revision": commit}` or `{"path": folder}`; it goes into
    `adapter_config.json`. What peft has no field for, the base's config and its rounding, goes into a file beside it.
    """
    more: dict[str, Any] = {"base_model_name_or_path": base.get("hub") or base.get("path")}
    more["revision"] = base.get("revision")
    if score is not None:
        more |= {"task_type": "SEQ_CLS", "modules_to_save": ["score"]}
    config = _config(lm, lora, **more)
    config.inference_mode = True
    config.target_modules = sorted(config.target_modules)  # a set has another order in every process
    config.save_pretrained(str(folder))
    found = weights(lm) | ({SCORE: score} if score is not None else {})
    save_file(
        {name: weight.detach().contiguous().cpu() for name, weight in found.items()},
        folder / ADAPTER_WEIGHTS,
        metadata={"format": "pt"},
    )
    plain = json.loads(lm.config.to_json_string())
    write_json(folder / ADAPTER_BASE, {"config": plain, "quantize": lora["quantize"]})


def load_adapter(lm: Any, folder: Path) -> None:
    """Put the folder's adapter on `lm`, in place. Raises UserError where its weights do not fit, or are no numbers."""
    told = read_json(folder / ADAPTER_CONFIG) or {}
    try:
        lora = {"rank": told["r"], "alpha": told["lora_alpha"], "target": told["target_modules"]}
        attach(lm, lora, seed=0)
        held = load_file(folder / ADAPTER_WEIGHTS)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _broken(folder, f"cannot be read: {error}") from error
    held.pop(SCORE, None)
    wanted = weights(lm)
    if held.keys() != wanted.keys():
        raise _broken(folder, f"does not fit its base: `{min(held.keys() ^ wanted.keys())}`")
    for name, weight in held.items():
        if weight.shape != wanted[name].shape:
            raise _broken(folder, f"has another shape of `{name}`")
        if not torch.isfinite(weight).all():
            raise _broken(folder, f"holds weights that are not finite: `{name}`")
        wanted[name].data.copy_(weight)


def _broken(folder: Path, what: str) -> UserError:
    hint = "copy or download it again, or train it again"
    return UserError(f"the adapter `{folder}` {what}"[:500], code="bad-adapter", hint=hint)


def score_of(folder: Path) -> nn.Linear:
    """Return the reward head (D -> 1) in an adapter's folder. Raises UserError where it holds none."""
    held = load_file(folder / ADAPTER_WEIGHTS)
    if SCORE not in held:
        raise UserError(
            f"`{folder}` is the adapter of a language model, not of a reward model",
            code="not-a-reward-model",
            hint="name an oracle: its adapter has a `score.weight`",
        )
    if not torch.isfinite(held[SCORE]).all():
        raise _broken(folder, f"holds weights that are not finite: `{SCORE}`")
    head = nn.Linear(held[SCORE].shape[1], 1, bias=False)
    head.load_state_dict({"weight": held[SCORE]})
    return head


def base_of(folder: str | Path) -> dict[str, Any]:
    """Return where the base of a folder's adapter lies, as `adapter_config.json` has it.

    Raises UserError where the adapter names none: its base was made on the spot.
    """
    told = read_json(Path(folder, ADAPTER_CONFIG)) or {}
    name = told.get("base_model_name_or_path")
    if not name:
        raise UserError(
            f"the adapter `{folder}` names no base",
            code="no-base",
            hint="it can be read by the stages of its own spec only: merge it there, with `merge: true`",
        )
    return {"path": name} if Path(name).is_dir() else {"hub": name, "revision": told.get("revision")}


def rounded_base(folder: str | Path) -> bool:
    """Whether the folder's adapter was trained over a base rounded to 4 bits."""
    told = read_json(Path(folder, ADAPTER_BASE)) or {}
    return bool(told.get("quantize") == NF4)


@torch.no_grad()
def merge(lm: Any) -> None:
    """Add the adapter to the base's matrices and take it off, in place: W + (alpha / rank) B A; unpack 4-bit matrices.

    What comes out is a plain model in float32 whose function is the one that was trained, to rounding.
    """
    from peft.tuners.lora import LoraLayer

    for name, module in [found for found in lm.named_modules() if isinstance(found[1], LoraLayer)]:
        plain = unpacked(module.get_base_layer())
        plain.weight.data = plain.weight.data + module.get_delta_weight(NAME).to(plain.weight.device)
        lm.set_submodule(name, plain)
    for name, module in [found for found in lm.named_modules() if packed(found[1])]:
        lm.set_submodule(name, unpacked(module))
    lm.__dict__.pop("peft_config", None)
    lm.requires_grad_(requires_grad=True)
