"""Whether a model's `config.json` fits: a type that the engine computes, and room for the longest pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.core.architectures import SUPPORTED, limit_of
from drdoctl.core.errors import UserError, Where
from drdoctl.core.unsupported import why_not


def check_type(config: Any, name: str, *, key: str, where: Where | None = None) -> None:
    """Raise UserError for a configuration of a type that is not supported, with the reason."""
    known = config if isinstance(config, dict) else {}
    kind = known.get("model_type")
    if kind not in SUPPORTED:
        raise UserError(
            f"`{key}`: models of type `{kind}` are not supported (`{name}`): {why_not(known)}",
            code="unknown-architecture",
            where=where,
            hint=f"use a model of one of these types: {', '.join(SUPPORTED)}",
        )


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
