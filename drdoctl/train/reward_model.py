"""Finished reward models: any one-label sequence classifier of a supported type, read where transformers reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoModelForSequenceClassification

from drdoctl.core.architectures import is_reward_model
from drdoctl.core.errors import UserError
from drdoctl.stages.planned import as_planned
from drdoctl.train import adapters
from drdoctl.train.attention import NAME as TREES
from drdoctl.train.batches import FlatBatch
from drdoctl.train.forward import Outputs, responses_reward
from drdoctl.train.kernels import use_kernels
from drdoctl.train.last_layer import read_only_where_asked
from drdoctl.train.models import last_states, load_lm, supported_config
from drdoctl.train.weights import copied, whole


class RewardModel(nn.Module):
    """A finished reward model (any one-label sequence classifier of a supported type) that reads flat batches."""

    def __init__(self, model: Any, score: nn.Module, pad: int | None = None) -> None:
        """Take a model, and the head (D -> 1) that reads its last hidden state.

        `pad`: the padding token. Where a response ends with it, transformers takes it for padding, and reads before it.
        """
        super().__init__()
        use_kernels(model)
        read_only_where_asked(model)
        self.model = model
        self.score = score
        self.pad = pad

    def forward(self, batch: FlatBatch, *, logp: bool = False) -> Outputs:
        """Return the rewards of the N responses; `logp` must be false."""
        if logp:
            raise ValueError("a reward model has no log-probabilities")
        reads = read_at(batch, self.pad)
        ends = batch.ends(logp=False) if reads is batch.last_at else None
        states = last_states(self.model, batch, reads, ends)
        return Outputs(logp=None, tokens=batch.response_lengths.float(), reward=responses_reward(states, self.score))


def read_at(batch: FlatBatch, pad: int | None) -> torch.Tensor:
    """Return where the row's N rewards are read: each prompt and response's last token that is not padding. Shape (N,).

    So reads transformers, which knows padding by its token alone: models trained with an end token for padding (TRL's,
    where a tokenizer has no other) give their reward at the token before the end.
    """
    if pad is None or not bool((batch.input_ids[0, batch.last_at] == pad).any()):
        return batch.last_at
    ids = batch.input_ids[0].tolist()
    found, at = [], 0
    for prompt, responses in batch.trees:
        head = at
        at += prompt
        for length in responses:
            own = [*range(head, head + prompt), *range(at, at + length)]
            found.append(next((place for place in reversed(own) if ids[place] != pad), head))
            at += length
    return torch.tensor(found, device=batch.last_at.device)


def load_reward_model(location: dict[str, Any] | str | Path) -> RewardModel:
    """Load an oracle in float32. Raises UserError where it is no one-label reward model or holds NaN."""
    where: dict[str, Any] = location if isinstance(location, dict) else {"path": str(location)}
    source, revision = where.get("path") or where["hub"], where.get("revision")
    if "path" in where and adapters.is_adapter(source):
        return RewardModel(load_lm(where), adapters.score_of(Path(source)))
    with as_planned(where.get("outside", ())):
        model = load_classifier(source, revision)
        found = RewardModel(model, model.score, model.config.pad_token_id)
        return copied(found) if where.get("outside") else found


def is_classifier(source: str, revision: str | None = None) -> bool:
    """Whether a folder or a repository holds a sequence classifier of a supported type, by its config."""
    return is_reward_model(supported_config(source, revision).to_dict())


def load_classifier(source: str, revision: str | None) -> Any:
    """Return transformers' own model in float32. Raises UserError where it gives no reward: one number a text."""
    config = supported_config(source, revision)
    if not is_reward_model(config.to_dict()):
        raise UserError(
            f"`{source}` is not a reward model with one label: it is no sequence classifier",
            code="not-a-reward-model",
            hint="give a folder or repository that `AutoModelForSequenceClassification` loads with `num_labels` 1",
        )
    if config.num_labels != 1:
        raise UserError(
            f"`{source}` is not a reward model with one label: it gives {config.num_labels} numbers for a text, and "
            "which of them, or what sum, were the reward is not written in it",
            code="not-a-reward-model",
            hint="take a model with `num_labels` 1, or make one: keep the row of `score.weight` that is the reward",
        )
    return whole(AutoModelForSequenceClassification, source, revision=revision, config=config, attention=TREES)
