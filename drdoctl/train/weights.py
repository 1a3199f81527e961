"""Weights as transformers reads them, and nothing that it would make up: every weight comes from the folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from safetensors import SafetensorError

from drdoctl.core.errors import UserError
from drdoctl.train import pages

BROKEN = (RuntimeError, ValueError, TypeError, KeyError, AttributeError, ArithmeticError, SafetensorError)
"""What transformers raises for a config or weights that do not fit together, or are not whole."""


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn what transformers says of a model that it cannot read into an error that names the model."""
    try:
        yield
    except BROKEN as error:
        text = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in text:
            raise
        raise UserError(
            f"the model `{source}` cannot be read: {text[:300]}",
            code="bad-model",
            hint="its `config.json` and its weights must be those that `save_pretrained` wrote together",
        ) from error


def whole(auto: Any, source: str, *, revision: str | None, config: Any, attention: str) -> Any:
    """Return `auto.from_pretrained(source)` in float32. Raises UserError where a weight is missing or no number.

    transformers fills what is missing, or of another shape, with random numbers and goes on with a warning.
    """
    with reading(source):
        pages.settle(config)
        model, found = auto.from_pretrained(
            source,
            revision=revision,
            config=config,
            dtype=torch.float32,
            attn_implementation=attention,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    shapes = sorted(entry[0] if isinstance(entry, tuple) else entry for entry in found["mismatched_keys"])
    for what, names in (("lacks the weight", sorted(found["missing_keys"])), ("has another shape of", shapes)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            raise UserError(
                f"the model `{source}` {what} `{names[0]}`{more}",
                code="bad-model",
                hint="copy or download it again, or save it with `save_pretrained` where it is whole",
            )
    # one pass, no copy: in float64 finite float32 numbers cannot add up to infinity
    broken = [name for name, weight in model.named_parameters() if not weight.sum(dtype=torch.float64).isfinite()]
    if broken:
        raise UserError(
            f"the model `{source}` holds weights that are not finite: `{broken[0]}`",
            code="not-finite",
            hint="train it again, or take another",
        )
    model.get_input_embeddings().register_forward_pre_hook(_known)
    return model


def _known(embeddings: Any, given: tuple[Any, ...]) -> None:
    """Raise UserError for a token without an embedding, where looking at ids waits for nobody: on a CPU."""
    ids, words = given[0], embeddings.num_embeddings
    if ids.device.type == "cpu" and ids.numel() and int(ids.max()) >= words:
        raise UserError(
            f"the tokenizer gives token {int(ids.max())}, and the model has embeddings for {words:,} tokens, from 0 on",
            code="tokenizer-mismatch",
            hint="the token was added to the tokenizer alone: leave it out, or give the model more embeddings with "
            "`resize_token_embeddings` and save it again",
        )


def copied(model: Any) -> Any:
    """Return the model with its weights copied into memory of its own, in place; one at a time is there twice.

    As loaded they are the mapped files themselves: whoever writes those in place would change the model, or end the
    process where they become shorter. Files in the store stay as they are, and what lies outside may not.
    """
    for weight in (*model.parameters(), *model.buffers()):
        weight.data = weight.data.clone()
    return model
