"""Finished reward models: any one-label sequence classifier of a supported type, read as it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn
from transformers import AutoModelForSequenceClassification

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

    def __init__(self, model: Any, score: nn.Module) -> None:
        """Take a model, and the head (D -> 1) that reads its last hidden state."""
        super().__init__()
        use_kernels(model)
        read_only_where_asked(model)
        self.model = model
        self.score = score

    def forward(self, batch: FlatBatch, *, logp: bool = False) -> Outputs:
        """Return the rewards of the N responses; `logp` must be false."""
        if logp:
            raise ValueError("a reward model has no log-probabilities")
        states = last_states(self.model, batch, batch.last_at, batch.ends(logp=False))
        return Outputs(logp=None, tokens=batch.response_lengths.float(), reward=responses_reward(states, self.score))


def load_reward_model(location: dict[str, Any] | str | Path) -> RewardModel:
    """Load an oracle in float32. Raises UserError where it is no one-label reward model or holds NaN."""
    where: dict[str, Any] = location if isinstance(location, dict) else {"path": str(location)}
    source, revision = where.get("path") or where["hub"], where.get("revision")
    if "path" in where and adapters.is_adapter(source):
        return RewardModel(load_lm(where), adapters.score_of(Path(source)))
    with as_planned(where.get("outside", ())):
        found = _whole(source, revision)
        return copied(found) if where.get("outside") else found


def _whole(source: str, revision: str | None) -> RewardModel:
    config = supported_config(source, revision)
    if config.num_labels != 1 or not any("SequenceClassification" in name for name in config.architectures or []):
        raise UserError(
            f"`{source}` is not a reward model with one label",
            code="not-a-reward-model",
            hint="give a folder or repository that `AutoModelForSequenceClassification` loads with `num_labels` 1",
        )
    auto = AutoModelForSequenceClassification
    model = whole(auto, source, revision=revision, config=config, attention=TREES)
    return RewardModel(model, model.score)
