"""Whether a student's samples are better than its start model's, by the best judge that its evaluation has."""

from __future__ import annotations

from dataclasses import dataclass

from drdoctl.doctor.case import Case, Evidence

TRUTH = ("truth.reward_difference", "truth")
"""Figure and judge of what a program knows of the samples, to be believed before any other."""


@dataclass(frozen=True)
class Verdict:
    """The mean difference in reward to the start model's samples, with its 95 % interval."""

    judge: str
    value: float
    low: float
    high: float
    temperature: float | None
    evidence: Evidence

    @property
    def better(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.high < 0

    @property
    def interval(self) -> str:
        """Return `-0.41 [-0.55, -0.27]`."""
        return f"{self.value:+.2f} [{self.low:+.2f}, {self.high:+.2f}]"

    def __str__(self) -> str:
        """Return `-0.41 [-0.55, -0.27] in the oracle's reward, at temperature 0.7`."""
        at = "" if self.temperature is None else f", at temperature {self.temperature:g}"
        known = {"truth": "true reward", "oracle": "the oracle's reward"}
        whose = known.get(self.judge, f"the reward of judge `{self.judge}`")
        return f"{self.interval} in {whose}{at}"


def verdicts(evaluation: Case) -> list[Verdict]:
    """Return what each judge says of an evaluation's samples against the start model's, the best judge first.

    The truth, then judges whose figures bear no stamp, then the others.
    """
    means = evaluation.figures("mean_difference", against="sft")
    means.sort(key=lambda one: bool(one.get("warnings")))
    judges = dict.fromkeys(str(one["judge"]) for one in means)
    found = []
    for metric, judge in (TRUTH, *(("mean_difference", judge) for judge in judges)):
        one = evaluation.figure(metric, against="sft", judge=judge)
        if one is not None and one["low"] is not None and one["high"] is not None:
            values = {key: one[key] for key in ("value", "low", "high", "temperature")}
            evidence = evaluation.seen("figures.json", {"metric": metric, "judge": judge, **values})
            found.append(Verdict(judge, one["value"], one["low"], one["high"], one["temperature"], evidence))
    return found


def verdict(student: Case) -> Verdict | None:
    """Return the best judge's word on a student's samples; None where nothing compared them with the start model's."""
    return next((one for evaluation in student.evaluations() for one in verdicts(evaluation)), None)
