"""Whether a model's `config.json` fits.

It is of a type that the engine computes, has numbers that a model can have, room for the longest pair, the matrices
that an adapter is to sit on, and one label where it is a finished reward model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drdoctl.core.adapters import ALL_LINEAR, matrix_names
from drdoctl.core.architectures import SUPPORTED, is_reward_model, limit_of
from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.core.impossible import impossible
from drdoctl.core.suggest import did_you_mean
from drdoctl.core.unsupported import why_not

AGAIN = "mend it there, or save the model again with `save_pretrained`"


def config_at(path: Path, *, key: str, where: Where | None = None) -> Any:
    """Return what a `config.json` holds. Raises UserError where it is broken, FileNotFoundError where it is absent."""
    text = ""
    try:
        text = path.read_text(encoding="utf-8")
        return json.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except json.JSONDecodeError as error:
        why, place = error.msg[:1].lower() + error.msg[1:], _place(path, text, error.lineno, error.colno)
        message = f"`{key}`: the model's `config.json` is broken: {why}"
        raise UserError(message, code="bad-config", where=place, hint=AGAIN) from error
    except (OSError, ValueError, RecursionError) as error:
        message = f"`{key}`: `{path}` cannot be read: {error}"
        hint = "save the model again with `save_pretrained`"
        raise UserError(message, code="bad-config", where=where, hint=hint) from error


def check_numbers(config: Mapping[str, Any], path: Path, *, key: str) -> None:
    """Raise UserError with each number of a `config.json` that no model can have, at its line."""
    wrong = impossible(config)
    if not wrong:
        return
    text = path.read_text(encoding="utf-8")
    faults = []
    for name, why in wrong.items():
        found = re.search(rf'"{name}"\s*:\s*', text)
        end = found.end() if found else 0
        place = _place(path, text, text.count("\n", 0, end) + 1, end - text.rfind("\n", 0, end))
        faults.append(Fault("bad-config", f"`{key}`: `{name}` {why}", place, AGAIN))
    raise UserError(faults)


def _place(path: Path, text: str, line: int, column: int) -> Where:
    return Where(str(path), line, column, text.split("\n")[line - 1].rstrip("\r"))


def check_type(config: Any, name: str, *, key: str, where: Where | None = None) -> None:
    """Raise UserError for a configuration of a type that is not supported, with the reason."""
    known = config if isinstance(config, dict) else {}
    kind = known.get("model_type")
    if kind is None:
        what = "has no `model_type`" if isinstance(config, dict) else "is no mapping of names to values"
        raise UserError(
            f"`{key}`: the `config.json` of `{name}` {what}, so its architecture is not known",
            code="unknown-architecture",
            where=where,
            hint=f"save the model again with `save_pretrained`; `model_type` is one of {', '.join(SUPPORTED)}",
        )
    why = why_not(known)
    if why is not None:
        raise UserError(
            f"`{key}`: models of type `{kind}` are not supported (`{name}`): {why}",
            code="unknown-architecture",
            where=where,
            hint=f"use a model of one of these types: {', '.join(SUPPORTED)}",
        )


def is_finished(
    config: Mapping[str, Any], said: bool | None, name: str, *, key: str, where: Where | None = None
) -> bool:
    """Whether a model is a finished reward model: as the spec has `said`, else by its config.

    Raises UserError for one that gives no reward: another count of numbers than one.
    """
    known = is_reward_model(config)
    finished = known if said is None else said
    labels = config.get("id2label")
    count = len(labels) if isinstance(labels, Mapping) else config.get("num_labels", 2)  # transformers' own default
    if finished and known and count != 1:
        raise UserError(
            f"`{key}`: `{name}` gives {count} numbers for a text, and which of them is the reward is not written in it",
            code="not-a-reward-model",
            where=where,
            hint="take one with `num_labels` 1, or make one: keep the row of `score.weight` that is the reward",
        )
    return finished


def check_length(config: Mapping[str, Any], max_tokens: int, *, key: str, where: Where | None = None) -> None:
    """Raise UserError where a model takes fewer tokens than `data.max_tokens`, with the reason."""
    try:
        limit = limit_of(config)
    except (TypeError, ValueError):
        return  # numbers that are none are found where the model is read
    if limit is not None and limit.tokens < max_tokens:
        raise UserError(
            f"`data.max_tokens` is {max_tokens:,}, but `{key}` takes {limit.tokens:,} tokens at most: {limit.reason}",
            code="too-long-for-model",
            where=where,
            hint=f"use `--set data.max_tokens={limit.tokens}` or less",
        )


def check_vocabulary(config: Mapping[str, Any], words: int | None, *, key: str, where: Where | None = None) -> None:
    """Raise UserError where a tokenizer has more `words` (None: not known) than the model has embeddings.

    Added tokens are not meant: padding may lie beyond the embeddings, and is never read.
    """
    size = config.get("vocab_size")
    if words is not None and isinstance(size, int) and words > size:
        raise UserError(
            f"`{key}`: the tokenizer has {words:,} tokens, and the model embeddings for {size:,}",
            code="tokenizer-mismatch",
            where=where,
            hint="give the model its own tokenizer: leave this out, or name the folder that it came with"
            if key.endswith(".tokenizer")
            else "put the tokenizer that the model came with into the folder, or give the model more embeddings with "
            "`resize_token_embeddings` and save it again",
        )


def check_targets(target: Sequence[str], kind: object, *, key: str, where: Where | None = None) -> None:
    """Raise UserError for each matrix that an adapter is to sit on and models of type `kind` do not have.

    Nothing is said of types that are not supported: those are refused themselves.
    """
    if kind not in SUPPORTED:
        return
    known = matrix_names(str(kind))
    listed = f"they are {', '.join(f'`{name}`' for name in known)}; `{ALL_LINEAR}` is all of them"
    faults = [
        Fault(
            "unknown-target",
            f"`{key}`: models of type `{kind}` have no matrix `{name}` in their layers",
            where,
            did_you_mean(name, [*known, ALL_LINEAR]) or listed,
        )
        for name in target
        if name not in known and name != ALL_LINEAR
    ]
    if faults:
        raise UserError(faults)
