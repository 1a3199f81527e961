"""Reward advantage: how much more reward the student's samples get than a baseline, in the reference's spread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from drdoctl.core.words import REFERENCE
from drdoctl.evals import EvalData, Figure, Measure, Samples
from drdoctl.evals._compare import mean_figure, paired, reward_gaps, rewards, warnings_for
from drdoctl.evals._sampled import JudgedEval

if TYPE_CHECKING:
    import numpy as np


def over_spread(means: np.ndarray) -> np.ndarray:
    """Return E[d] / sd(r) from means (B, 3) of d, r and r^2; NaN where r does not vary. The sd is the population's."""
    import numpy as np

    variance = means[:, 2] - means[:, 1] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(variance > 1e-12, means[:, 0] / np.sqrt(np.maximum(variance, 0)), np.nan)


class RewardAdvantageEval(JudgedEval):
    """Mean r(student) - r(baseline), in the judge's units and in standard deviations of the logged responses'."""

    name: Literal["reward-advantage"]
    """`reward-advantage`."""

    paper: ClassVar[str] = "DRDO, arXiv 2410.08458, section 5; Fisch et al., arXiv 2405.19316"

    def baselines(self) -> list[str]:
        """Return what `against` names, and the logged responses: their spread is the unit."""
        return sorted({*self.against, REFERENCE})

    def measures(self) -> list[Measure]:
        """Return the reward, and both advantages over each baseline, at each temperature."""
        rewards_alone = [Measure("reward", judge=self.judge, temperature=at) for at in self.temperatures]
        return [*rewards_alone, *self.compared("reward_advantage_raw", "reward_advantage")]

    def measure(self, data: EvalData) -> list[Figure]:
        """Return, for each temperature: the mean reward, and the raw and normalised advantage over each baseline.

        The interval of the normalised one draws the spread again with the prompts. It is not given where there are no
        logged responses, or where their reward does not vary.
        """
        figures = []
        stamps = warnings_for(data, self.judge)
        for sampling in self.samplings():
            student = data.samples[sampling]
            add = partial(
                mean_figure, seed=data.seed, judge=self.judge, temperature=sampling.temperature, warnings=stamps
            )
            figures += add("reward", rewards(student, self.judge), unit="reward")
            logged = data.baselines.get(REFERENCE, {}).get(sampling)
            for against in self.against:
                baseline = data.baselines.get(against, {}).get(sampling)
                if baseline is not None:
                    figures += self._against(student, baseline, logged, partial(add, against=against))
        return figures

    def _against(self, student: Samples, baseline: Samples, logged: Samples | None, add: Any) -> list[Figure]:
        import numpy as np

        here, there = paired(student, baseline)
        difference = reward_gaps(student, baseline, self.judge, here, there)
        figures: list[Figure] = add("reward_advantage_raw", difference, unit="reward", null=0.0)
        if logged is None:
            return figures
        here, there, mark = paired(student, baseline, logged)
        difference = reward_gaps(student, baseline, self.judge, here, there)
        spread = rewards(logged, self.judge)[mark]
        if np.isnan(spread).all():
            return figures
        spread = spread - np.nanmean(spread)  # near 0, the two sums of the variance do not cancel each other's digits
        columns = np.stack([difference, spread, spread**2], axis=1)
        unit = "sd of the reference's reward"
        figures += add("reward_advantage", columns, statistic=over_spread, unit=unit, null=0.0)
        return figures
