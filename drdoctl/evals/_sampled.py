"""The settings of evals that look at sampled responses. Evals with equal settings share the samples."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from drdoctl.evals import Eval, Measure, Sampling

Judge = Annotated[str, Field(min_length=1)]
Against = Literal["sft", "reference"]


class SampledEval(Eval):
    """An eval of responses sampled to the evaluation prompts."""

    temperatures: list[Annotated[float, Field(ge=0)]] = Field(default=[0.2, 0.5, 0.7, 0.9], min_length=1)
    """Sampling temperatures; 0 is greedy."""
    top_p: float = Field(default=0.8, gt=0, le=1)
    """Nucleus sampling: the fewest tokens that hold this much probability."""
    prompts: int | None = Field(default=1000, ge=1)
    """How many evaluation prompts, from the front; null: all."""
    max_new_tokens: int = Field(default=256, ge=1)
    """The longest response sampled, in tokens."""

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for name in ("temperatures", "against"):
            values = getattr(self, name, [])
            if len(set(values)) < len(values):
                raise ValueError(f"`{name}` names a value twice")
        return self

    def sampling(self, temperature: float) -> Sampling:
        """Return the sampling at one temperature."""
        return Sampling(temperature, self.top_p, self.max_new_tokens, self.prompts)

    def samplings(self) -> list[Sampling]:
        """Return one sampling for each temperature."""
        return [self.sampling(temperature) for temperature in self.temperatures]


class JudgedEval(SampledEval):
    """An eval whose judge compares the samples with baselines."""

    judge: Judge = "oracle"
    """Who rewards: the spec's `oracle`, the `truth` of a generated world, or one of the spec's `judges` by its name."""
    against: list[Against] = Field(default=["sft", "reference"], min_length=1)
    """Baselines: samples of the SFT student at the same temperature, and the logged reference responses."""

    def judges(self) -> list[str]:
        """Return the one judge."""
        return [self.judge]

    def compared(self, *metrics: str) -> list[Measure]:
        """Return these figures of the judge's, over each baseline at each temperature."""
        return [
            Measure(metric, against, self.judge, at)
            for at in self.temperatures
            for against in self.against
            for metric in metrics
        ]
