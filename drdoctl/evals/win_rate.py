"""Win rate: how often the judge rewards the student's sample more than the baseline's response to the same prompt.

A win rate says how often, not by how much: two students that differ by a hair can stand at 66 %. So the mean difference
in reward stands beside every win rate, and so does the win rate among pairs of like length, as judges love length.
"""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar, Literal

from drdoctl.core.significance import CHANCE
from drdoctl.core.statistics import like_length, share_above
from drdoctl.evals import EvalData, Figure, Measure, Samples
from drdoctl.evals._compare import mean_figure, paired, reward_gaps, warnings_for
from drdoctl.evals._sampled import JudgedEval


class WinRateEval(JudgedEval):
    """P(r(student) > r(baseline)) plus half of the ties, at each temperature and against each baseline."""

    name: Literal["win-rate"]
    """`win-rate`."""

    paper: ClassVar[str] = "DRDO, arXiv 2410.08458, section 5; Fisch et al., arXiv 2405.19316"

    def baselines(self) -> list[str]:
        """Return what `against` names."""
        return list(self.against)

    def measures(self) -> list[Measure]:
        """Return what is compared with each baseline at each temperature, and the share that does not end."""
        found = self.compared("win_rate", "mean_difference", "win_rate_like_length")
        return [*found, *(Measure("not_ended", temperature=at, best="min") for at in self.temperatures)]

    def measure(self, data: EvalData) -> list[Figure]:
        """Return, for each temperature: tokens, share not ended, and three figures against each baseline."""
        figures = []
        for sampling in self.samplings():
            student = data.samples[sampling]
            add = partial(mean_figure, seed=data.seed, temperature=sampling.temperature)
            plain = warnings_for(data, None)
            figures += add("tokens", student.tokens, unit="tokens", warnings=plain)
            figures += add("not_ended", 1.0 - student.ended, unit="share", warnings=plain)
            for against in self.against:
                baseline = data.baselines.get(against, {}).get(sampling)
                if baseline is not None:
                    add_judged = partial(
                        add, against=against, judge=self.judge, warnings=warnings_for(data, self.judge)
                    )
                    figures += self._against(student, baseline, add_judged)
        return figures

    def _against(self, student: Samples, baseline: Samples, add: Any) -> list[Figure]:
        here, there = paired(student, baseline)
        difference = reward_gaps(student, baseline, self.judge, here, there)
        like = like_length(student.tokens[here], baseline.tokens[there])
        return [
            *add("win_rate", share_above(difference), unit="share", null=CHANCE),
            *add("mean_difference", difference, unit="reward", null=0.0),
            *add("win_rate_like_length", share_above(difference[like]), unit="share", null=CHANCE),
        ]
