"""The weights in a model's folder: which files they are, whether they are whole, and how many numbers they hold."""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path

from drdoctl.core.errors import UserError, Where

PICKLES = ("*.bin", "*.pt", "*.pth", "*.pkl", "*.ckpt")
BESIDE = ("reward_head.safetensors", "lm_head.safetensors")
"""Weights beside the model's own."""
WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
MAX_HEADER = 100 << 20
"""safetensors' own limit for its header, in bytes."""


def weight_files(path: Path, *, key: str, where: Where | None = None) -> list[Path]:
    """Return the files of a folder that a model is made from. Raises UserError where it holds no weights."""
    return [path / "config.json", *some_weights(path, key, where)]


def some_weights(path: Path, key: str, where: Where | None) -> list[Path]:
    """Return the safetensors in a folder. Raises UserError where there are none, or not all."""
    found = found_weights(path, key, where)
    if not found:
        raise UserError(
            f"`{key}`: `{path}` has no weights (`*.safetensors`)",
            code="no-weights",
            where=where,
            hint="put `model.safetensors` into it, or name a folder that holds it, or a Hub id",
        )
    return found


def found_weights(path: Path, key: str, where: Where | None) -> list[Path]:
    """Return the safetensors in a folder, none where it has no weights of its own.

    Raises UserError for weights in a pickle alone, and where some of several files lack.
    """
    found = sorted(path.glob("*.safetensors"))
    if any(file.name not in BESIDE for file in found):
        lacks = _lacks(path, {file.name for file in found})
        if lacks:
            raise UserError(
                f"`{key}`: `{path}` lacks `{lacks}`, without which its weights are not whole",
                code="bad-weights",
                where=where,
                hint="copy or download it again",
            )
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


def _lacks(path: Path, there: set[str]) -> str | None:
    """Return the first file that transformers would look for in vain: `model.safetensors`, else an index's shards."""
    if WHOLE in there:
        return None
    try:
        shards = set(json.loads((path / INDEX).read_text(encoding="utf-8"))["weight_map"].values())
    except FileNotFoundError:
        return INDEX if any(SHARD.fullmatch(name) for name in there) else WHOLE
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return INDEX
    return min((str(name) for name in shards if name not in there), default=None)


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
