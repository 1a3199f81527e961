"""True reward: what a generated world's own program says of the samples. The oracle can be wrong, this cannot."""

from __future__ import annotations

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from drdoctl.core.words import SFT
from drdoctl.evals import EvalData, Figure, Measure, Sampling
from drdoctl.evals._compare import mean_figure, paired, rewards, warnings_for
from drdoctl.evals._sampled import SampledEval

TRUTH = "truth."


class TrueRewardEval(SampledEval):
    """The mean true reward and its parts, and the difference to the SFT student's samples of the same prompts."""

    name: Literal["true-reward"]
    """`true-reward`."""
    temperatures: list[Annotated[float, Field(ge=0)]] = Field(default=[0.7], min_length=1)
    """Sampling temperatures; 0 is greedy."""
    greedy: bool = True
    """Decode greedily too (temperature 0)."""

    paper: ClassVar[str] = "Gao et al. (scaling laws for reward model overoptimization), arXiv 2210.10760, section 2"

    def samplings(self) -> list[Sampling]:
        """Return one sampling for each temperature, and the greedy one."""
        temperatures = [0.0, *self.temperatures] if self.greedy and 0 not in self.temperatures else self.temperatures
        return [self.sampling(float(temperature)) for temperature in temperatures]

    def judges(self) -> list[str]:
        """Return the world's program."""
        return ["truth"]

    def baselines(self) -> list[str]:
        """Return the SFT student."""
        return [SFT]

    def measures(self) -> list[Measure]:
        """Return the reward and its difference to the SFT student's, at each temperature."""
        at = [sampling.temperature for sampling in self.samplings()]
        return [
            *(Measure("truth.reward", judge="truth", temperature=temperature) for temperature in at),
            *(Measure("truth.reward_difference", SFT, "truth", temperature) for temperature in at),
        ]

    def measure(self, data: EvalData) -> list[Figure]:
        """Return, for each temperature: `truth.reward`, `truth.PART` for each part, and `truth.reward_difference`."""
        figures = []
        for sampling in self.samplings():
            student = data.samples[sampling]
            add = partial(
                mean_figure,
                seed=data.seed,
                judge="truth",
                temperature=sampling.temperature,
                warnings=warnings_for(data, "truth"),
            )
            for name, column in student.scores.items():
                if name.startswith(TRUTH):
                    figures += add(name, column, unit="reward" if name == "truth.reward" else "")
            baseline = data.baselines.get(SFT, {}).get(sampling)
            if baseline is not None:
                here, there = paired(student, baseline)
                difference = rewards(student, "truth")[here] - rewards(baseline, "truth")[there]
                figures += add("truth.reward_difference", difference, unit="reward", against=SFT, null=0.0)
        return figures
