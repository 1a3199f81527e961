"""A local model folder: what stands for its weights and its tokenizer in a plan, and what is refused.

Only safetensors are weights, and nothing in a folder is ever run: pickles, Python files and `auto_map` are refused.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.adapters import ADAPTER_CONFIG
from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.core.files import kind_at
from drdoctl.core.fingerprint import digest
from drdoctl.core.suggest import did_you_mean
from drdoctl.spec.fits import check_numbers, check_type, config_at
from drdoctl.spec.hashes import Hashes

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "chat_template.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
VOCABULARIES = (
    "tokenizer.json",
    "vocab.json",
    "vocab.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""One of these makes a tokenizer; the other files only set it up."""
PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
BESIDE = ("reward_head.safetensors", "lm_head.safetensors")
"""Weights beside the model's own."""
ABSENT = "absent:"
MAX_HEADER = 100 << 20
"""safetensors' own limit for its header, in bytes."""


@dataclass(frozen=True)
class Folder:
    """A model folder that can be used."""

    path: Path
    sha256: str | None
    """Over names and hashes of config.json and all safetensors; None without weights, which a plan does not read."""
    config: dict[str, Any]
    parameters: int | None
    """Counted in the weights' headers."""
    tokenizer_sha256: str


def read_folder(
    path: Path, hashes: Hashes, *, key: str, where: Where | None = None, own_tokenizer: bool = True
) -> Folder:
    """Return the facts of a model folder. Raises UserError (exit 2) with all that is wrong with it.

    `own_tokenizer`: whether the folder's tokenizer is the one in use, so that it must be there.
    """
    require_folder(path, key=key, where=where)
    faults: list[Fault] = []

    def collect(check: Any) -> Any:
        try:
            return check()
        except UserError as error:
            faults.extend(error.faults)
            return None

    config = collect(lambda: read_config(path, key=key, where=where))
    weights = collect(lambda: _weights(path, key, where)) or []
    counts = [collect(lambda file=file: count_parameters(file, key=key, where=where)) for file in weights]
    tokenizer = collect(lambda: tokenizer_sha256(path, hashes, key=key, where=where)) if own_tokenizer else ""
    if faults:
        raise UserError(faults)
    if not weights:
        return Folder(path, None, config, None, tokenizer)
    own = [count for file, count in zip(weights, counts, strict=True) if file.name not in BESIDE]
    return Folder(path, weights_sha256(path, hashes, key=key), config, sum(own), tokenizer)


def weight_files(path: Path, *, key: str, where: Where | None = None) -> list[Path]:
    """Return the files of a folder that a model is made from. Raises UserError where it holds no weights."""
    found = _weights(path, key, where)
    if not found:
        raise UserError([no_weights(path, key, where)])
    return [path / "config.json", *found]


def absent(config: Mapping[str, Any]) -> str:
    """Return what stands for a folder without weights: it can be planned with, by its config, and not be read."""
    return f"{ABSENT}{digest(config)}"


def is_absent(mark: str) -> bool:
    """Whether a mark among a stage's externals stands for a folder without weights."""
    return mark.startswith(ABSENT)


def no_weights(path: str | Path, key: str, where: Where | None) -> Fault:
    """Return the fault of a folder that is to be read and holds no weights."""
    hint = "put `model.safetensors` into it, or name a folder that holds it, or a Hub id"
    return Fault("no-weights", f"`{key}`: `{path}` has no weights (`*.safetensors`)", where, hint)


def weights_sha256(path: Path, hashes: Hashes, *, key: str) -> str:
    """Return the hash over names and content of a model's files. Raises UserError or OSError where some lack."""
    return digest({file.name: hashes.file(file).sha256 for file in weight_files(path, key=key)})


def require_folder(path: Path, *, key: str, where: Where | None = None) -> None:
    """Raise UserError where there is no folder."""
    there = kind_at(path)
    if there != "folder":
        near = did_you_mean(path.name, [other.name for other in path.parent.glob("*") if other.is_dir()])
        what = "is a file, not a folder" if there else "is not there"
        raise UserError(
            f"`{key}`: the folder `{path}` {what}",
            code="no-folder",
            where=where,
            hint=near or f"name a folder with `--set {key}=FOLDER`, or a Hub id such as `facebook/opt-125m`",
        )


def read_config(path: Path, *, key: str, where: Where | None = None) -> dict[str, Any]:
    """Return a folder's `config.json`. Raises UserError where it is absent, broken, or of no supported model."""
    try:
        config = config_at(path / "config.json", key=key, where=where)
    except FileNotFoundError:
        if (path / ADAPTER_CONFIG).is_file():
            raise UserError(
                f"`{key}`: `{path}` is an adapter, not a whole model",
                code="adapter",
                where=where,
                hint="merge it first: peft's `merge_and_unload()`, then `save_pretrained` for model and tokenizer",
            ) from None
        raise UserError(
            f"`{key}`: `{path}` has no `config.json`, so it is no model folder",
            code="no-config",
            where=where,
            hint="name a folder that `AutoModelForCausalLM.from_pretrained` loads",
        ) from None
    check_type(config, str(path), key=key, where=where)
    check_numbers(config, path / "config.json", key=key)
    code = sorted(file.name for file in path.glob("*.py")) or (["auto_map"] if config.get("auto_map") else [])
    if code:
        raise UserError(
            f"`{key}`: `{path}` brings code of its own (`{code[0]}`), which is never run",
            code="remote-code",
            where=where,
            hint=f"transformers knows `{config['model_type']}` itself: delete the Python files, and `auto_map` from "
            "its `config.json`",
        )
    return dict(config)


def _weights(path: Path, key: str, where: Where | None) -> list[Path]:
    """Return the safetensors in a folder, none where it has no weights of its own. Raises UserError for a pickle."""
    found = sorted(path.glob("*.safetensors"))
    if any(file.name not in BESIDE for file in found):
        return found
    pickles = sorted(file.name for pattern in PICKLES for file in path.glob(pattern))
    if pickles:
        raise UserError(
            f"`{key}`: `{path}` holds its weights only as a pickle (`{pickles[0]}`), which is never loaded",
            code="pickle-weights",
            where=where,
            hint="convert it where you trust it: load it with transformers and call `save_pretrained`",
        )
    return []


def count_parameters(file: Path, *, key: str, where: Where | None = None) -> int:
    """Return the numbers in a safetensors file, from its header. Raises UserError where the file is not whole."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(length)) if length <= min(MAX_HEADER, size) else {}
        tensors = [entry for name, entry in header.items() if name != "__metadata__"]
        whole = max((entry["data_offsets"][1] for entry in tensors), default=0) + 8 + length == size
        count = sum(math.prod(entry["shape"]) for entry in tensors)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, struct.error):
        whole, count = False, 0
    if not whole:
        raise UserError(
            f"`{key}`: `{file}` is not a whole safetensors file",
            code="bad-weights",
            where=where,
            hint="copy or download it again",
        )
    return int(count)


def tokenizer_sha256(path: Path, hashes: Hashes, *, key: str, where: Where | None = None) -> str:
    """Return the hash over all tokenizer files of a folder. Raises UserError where there is no vocabulary."""
    there = [name for name in TOKENIZER_FILES if (path / name).is_file()]
    if not set(there) & set(VOCABULARIES):
        raise UserError(
            f"`{key}`: `{path}` has no tokenizer (`tokenizer.json`)",
            code="no-tokenizer",
            where=where,
            hint="copy the tokenizer's files into the folder, or name another one with `student.tokenizer`",
        )
    return digest({name: hashes.file(path / name).sha256 for name in there})
