"""Reward models in a spec: the oracle that teaches, and judges that taught nobody."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from drdoctl.spec.training import Lora, Training

JUDGE_NAME = r"^[a-z][a-z0-9_-]*$"
ZOO_NAME = r"^zoo/[A-Za-z0-9][A-Za-z0-9._-]{0,95}(@[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$"
ZooName = Annotated[str, Field(pattern=ZOO_NAME)]
JudgeName = Annotated[str, Field(pattern=JUDGE_NAME)]


class RewardModel(Training):
    """A reward model: trained here from a causal LM (eq. 2 and 5), or a finished one used as it is."""

    model: str = Field(min_length=1)
    """A Hub id, a local folder or `zoo/NAME`; `sft` starts from this spec's own SFT student. A finished reward
    model is used as it is."""
    revision: str | None = Field(default=None, min_length=1)
    """The Hub commit, tag or branch."""
    finished: bool | None = None
    """Whether `model` is a finished reward model. Known for zoo names and local folders; say so for a reward model
    on the Hub."""
    dtype: Literal["fp32", "bf16"] = "fp32"
    """Arithmetic of training and scoring."""
    learning_rate: float = Field(default=1e-5, gt=0)
    """Peak learning rate of AdamW."""
    sft_weight: float = Field(default=0.01, ge=0, lt=1)
    """a of eq. 5: weight of the SFT regulariser; 0 is the plain Bradley-Terry loss (eq. 2)."""
    seed: int = Field(default=0, ge=0)
    """Seed of the reward head's start weights, added to the spec's."""
    lora: Lora | None = None
    """Train an adapter and the reward head, not all parameters."""


class Oracle(RewardModel):
    """The reward model that teaches: trained here from a causal LM (eq. 2 and 5), or a finished one used as it is."""

    pairs: Literal["split", "all"] = "split"
    """What the oracle that teaches (and an ensemble's members) is trained on: the pairs that the student sees, or all
    pairs before `data.split` (before its first step that needs an oracle: relabelling is always by one that saw them
    all). The rewards that a student learns from are those of its own pairs in either case."""
    members: list[ZooName] | None = Field(default=None, min_length=1)
    """Finished reward models of the zoo that are the ensemble (`e-dpo`), where it is not trained here. They read the
    same tokens as the oracle, and are as many as the method's `members`."""


class Judge(RewardModel):
    """A reward model that judges and teaches nobody: a finished one, or trained here on rows that no teacher saw.

    One that is trained here learns from `data.judge_fraction` of the training prompts.
    """

    seed: int = Field(default=1000, ge=0)
    """Seed of the reward head's start weights, added to the spec's; the default is far from the oracle's."""
