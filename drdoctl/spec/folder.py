"""A local model folder: what stands for its weights and its tokenizer in a plan, and what is refused.

Only safetensors are weights, and nothing in a folder is ever run: pickles, Python files and `auto_map` are refused.
"""

from __future__ import annotations

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
from drdoctl.spec.weights import BESIDE, count_parameters, found_weights, some_weights, weight_files

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
ABSENT = "absent:"


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
    path: Path,
    hashes: Hashes,
    *,
    key: str,
    where: Where | None = None,
    own_tokenizer: bool = True,
    weightless: bool = False,
) -> Folder:
    """Return the facts of a model folder. Raises UserError (exit 2) with all that is wrong with it.

    `own_tokenizer`: whether the folder's tokenizer is the one in use, so that it must be there. `weightless`: whether
    the folder will do without weights, as it does for a plan.
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
    needed = found_weights if weightless else some_weights
    weights = collect(lambda: needed(path, key, where)) or []
    counts = [collect(lambda file=file: count_parameters(file, key=key, where=where)) for file in weights]
    tokenizer = collect(lambda: tokenizer_sha256(path, hashes, key=key, where=where)) if own_tokenizer else ""
    if faults:
        raise UserError(faults)
    if not weights:
        return Folder(path, None, config, None, tokenizer)
    own = [count for file, count in zip(weights, counts, strict=True) if file.name not in BESIDE]
    return Folder(path, weights_sha256(path, hashes, key=key), config, sum(own), tokenizer)


def absent(config: Mapping[str, Any]) -> str:
    """Return what stands for a folder without weights: it can be planned with, by its config, and not be read."""
    return f"{ABSENT}{digest(config)}"


def is_absent(mark: str) -> bool:
    """Whether a mark among a stage's externals stands for a folder without weights."""
    return mark.startswith(ABSENT)


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


def tokenizer_sha256(path: Path, hashes: Hashes, *, key: str, where: Where | None = None) -> str:
    """Return the hash over all tokenizer files of a folder. Raises UserError where there is no vocabulary."""
    there = [name for name in TOKENIZER_FILES if (path / name).is_file()]
    if not set(there) & set(VOCABULARIES):
        raise UserError(
            f"`{key}`: `{path}` has no tokenizer (`tokenizer.json`)",
            code="no-tokenizer",
            where=where,
            hint="copy the tokenizer's files into the folder"
            + (", or name another one with `student.tokenizer`" if key.startswith("student.") else ""),
        )
    return digest({name: hashes.file(path / name).sha256 for name in there})
