"""DRDO with a reward head: the head follows the oracle and the sampler does not."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.doctor.case import Case, Finding

KINDS = ("align",)
APART = 0.1
"""Agreement with the oracle that the head has over the log-probabilities; 0.02 is the noise of 24 steps of 32 pairs."""
NAMES = ("r_hat_oracle_agreement", "oracle_agreement")


def look(case: Case) -> Iterator[Finding]:
    """Yield a warning."""
    end = case.end
    if case.settings.get("method.reward") != "head" or end is None or not end.has(*NAMES):
        return
    head, sampler = (end.mean(name) for name in NAMES)
    if head - sampler < APART:
        return
    said = (
        f"the reward head agrees with the oracle on {100 * head:.0f} % of the pairs, the student's log-probabilities "
        f"on {100 * sampler:.0f} %: the distillation does not reach what is sampled"
    )
    advice = "set `reward: implicit`, which distils into the log-probabilities themselves"
    yield Finding("warning", said, advice, (case.logged(end, *NAMES),))
