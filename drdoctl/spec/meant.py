"""What was probably meant by a word or a value that does not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.spec.model import NAME, SPDX
from drdoctl.spec.oracles import JUDGE_NAME, ZOO_NAME
from drdoctl.spec.scalars import scalar
from drdoctl.spec.serving import URL, VARIABLE

OTHER_WORDS = {
    "lr": "learning_rate",
    "batch_size": "global_batch",
    "steps": "max_steps",
    "num_epochs": "epochs",
    "num_train_epochs": "epochs",
    "n_layers": "layers",
    "num_layers": "layers",
    "num_heads": "heads",
    "dim": "hidden_size",
    "max_length": "max_tokens",
    "max_prompt_length": "max_prompt_tokens",
    "temperature": "temperatures",
    "sampling_temperatures": "temperatures",
    "n_members": "members",
    "ensemble": "members",
    "dataset": "source",
    "datasets": "source",
    "evals": "evaluate",
    "evaluation": "evaluate",
    "training": "train",
    "loss": "method",
    "lambda": "sft_weight",
    "gpus": "processes",
    "zero": "zero_stage",
    "warmup": "warmup_steps",
    "torch_dtype": "dtype",
    "policy": "student",
    "reward_model": "oracle",
}
"""What other programs call our fields."""
MISSING = {
    "version": "add `version: 1`",
    "name": "add a short name, such as `name: my-first-run`",
    "data": "add `data: {source: …}`; `drdoctl ls datasets` shows what there is",
    "student": "add `student: {model: …}`: a Hub id, a local folder, `zoo/NAME`, or a small new model",
}
"""What to add where a section is missing."""
SHAPES = {
    NAME: "use small letters, digits, `.`, `_` and `-`, beginning with a letter or a digit",
    JUDGE_NAME: "use small letters, digits, `_` and `-`, beginning with a letter",
    ZOO_NAME: "write it as `zoo/NAME`, NAME of at most 96 letters, digits, `.`, `_` and `-`",
    SPDX: "write its SPDX id, such as `apache-2.0`, or `other`",
    URL: "write it as `http://HOST:PORT/v1`, without a password or a query",
    VARIABLE: "put the key into a variable of the environment and give the variable's name, such as `OPENAI_API_KEY`",
}
"""A field's pattern -> what its words look like."""


def without_quotes(kind: str, word: str) -> str | None:
    """Return what to write for a word that looks like a number in quotes, or like YAML 1.1's yes and no.

    `kind` is the type of pydantic's error.
    """
    if kind == "bool_type" and word.lower() in ("yes", "on", "no", "off"):
        return f"write `{'true' if word.lower() in ('yes', 'on') else 'false'}`"
    try:
        number = isinstance(scalar(word), int | float)
    except ValueError:
        return None
    return "take the quotes off" if number and kind in ("int_type", "float_type") else None


def share(value: Any, bounds: Mapping[str, Any]) -> str | None:
    """Return the share for a number that looks like per cent where at most 1 is allowed; `bounds` are pydantic's."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or 1 not in (bounds.get("le"), bounds.get("lt")) or not 2 < value < 100:
        return None
    return f"write a share, not per cent: `{value / 100:g}`"
