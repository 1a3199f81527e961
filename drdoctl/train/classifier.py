"""A causal LM and a reward head as the one model that transformers knows: a sequence classifier with one label."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForSequenceClassification

from drdoctl.data._tokenizers import choose_pad


def classifier(lm: Any, head: nn.Linear, pad: int | None) -> Any:
    """Return `AutoModelForSequenceClassification` with the LM's trunk and the head (D -> 1), in float32.

    transformers reads the reward at the last token that is not `pad`. Without a padding token it reads the last token
    of all, and refuses batches of more than one.
    """
    config = AutoConfig.for_model(**lm.config.to_dict())
    config.num_labels = 1
    config.pad_token_id = pad
    model = AutoModelForSequenceClassification.from_config(config, dtype=torch.float32)
    model.base_model.load_state_dict(lm.base_model.state_dict())
    model.score.load_state_dict(head.state_dict())
    return model


def spare_pad(tokenizer: Any, end: int | None, words: int) -> int | None:
    """Return the id of the padding token, which must not be the `end` token that closes every response.

    Where it is, the tokenizer is left without one: transformers then refuses to pad, and reads no wrong token. One
    beyond the `words` that the model has embeddings for gives way to another.
    """
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id >= words:
        tokenizer.pad_token = None
        if end is not None:
            choose_pad(tokenizer, end, words)
    if tokenizer.pad_token_id == end:
        tokenizer.pad_token = None
    pad: int | None = tokenizer.pad_token_id
    return pad
