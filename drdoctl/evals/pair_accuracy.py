"""Pair accuracy: how often held-out pairs are put in the order of their labels, by whom, and whether length decides."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from drdoctl.core.statistics import correlation, moments, share_above
from drdoctl.evals import Eval, EvalData, Figure, Measure
from drdoctl.evals._compare import mean_figure, warnings_for
from drdoctl.evals._quality import calibration_error

if TYPE_CHECKING:
    import numpy as np


def margins(pairs: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the reward margins that the held-out pairs give, by name, each (M,).

    `implicit` is h, where the reference is known: the sign of beta * h, so beta plays no part. `logp` and
    `logp_per_token` are z_w - z_l and zbar_w - zbar_l; `head` the student's reward head, `oracle` the oracle's.
    """
    import numpy as np

    found = {}
    if {"chosen_logp", "rejected_logp"} <= pairs.keys():
        chosen, rejected = (np.asarray(pairs[name], dtype=np.float64) for name in ("chosen_logp", "rejected_logp"))
        if {"ref_chosen_logp", "ref_rejected_logp"} <= pairs.keys():
            found["implicit"] = (chosen - pairs["ref_chosen_logp"]) - (rejected - pairs["ref_rejected_logp"])
        found["logp"] = chosen - rejected
        if {"chosen_tokens", "rejected_tokens"} <= pairs.keys():
            found["logp_per_token"] = chosen / pairs["chosen_tokens"] - rejected / pairs["rejected_tokens"]
    for name in ("head", "oracle"):
        if f"{name}_margin" in pairs:
            found[name] = np.asarray(pairs[f"{name}_margin"], dtype=np.float64)
    return found


class PairAccuracyEval(Eval):
    """Share of held-out pairs that the student's implicit reward, its head and the oracle put in the labels' order."""

    name: Literal["pair-accuracy"]
    """`pair-accuracy`."""

    paper: ClassVar[str] = "Lambert et al. (RewardBench), arXiv 2403.13787; DRDO, arXiv 2410.08458, figure 4"

    @property
    def needs_pairs(self) -> bool:
        """All of it is about the held-out pairs."""
        return True

    def measures(self) -> list[Measure]:
        """Return the student's own accuracies; the oracle's are the same for all students."""
        return [Measure(f"{name}_accuracy") for name in ("implicit", "logp", "logp_per_token")]

    def measure(self, data: EvalData) -> list[Figure]:
        """Return accuracies, agreement with the oracle, length correlations and the oracle's calibration.

        Intervals are over pairs. `length_accuracy` is the share of labels that prefer the longer response: what a judge
        that only counts tokens would score.
        """
        import numpy as np

        plain = warnings_for(data, None)
        add = partial(mean_figure, seed=data.seed, warnings=plain)
        found = margins(data.pairs)
        figures = []
        for name, margin in found.items():
            figures += add(f"{name}_accuracy", share_above(margin), unit="share")
        student = next((name for name in ("implicit", "logp") if name in found), None)
        if "oracle" in found and student:
            agreement = share_above(found[student] * np.sign(found["oracle"]))
            figures += add(
                "oracle_agreement", agreement, unit="share", judge="oracle", warnings=warnings_for(data, "oracle")
            )
        if {"chosen_tokens", "rejected_tokens"} <= data.pairs.keys():
            longer = np.asarray(data.pairs["chosen_tokens"], float) - np.asarray(data.pairs["rejected_tokens"], float)
            figures += add("length_accuracy", share_above(longer), unit="share")
            for name, margin in found.items():
                if len(margin) and not np.isnan(margin).all():
                    figures += add(f"{name}_length_correlation", moments(margin, longer), statistic=correlation)
        return figures + _calibration(found.get("oracle"), plain)


def _calibration(margin: np.ndarray | None, warnings: tuple[str, ...]) -> list[Figure]:
    import numpy as np

    known = margin[~np.isnan(margin)] if margin is not None else np.empty(0)
    if not len(known):
        return []
    error = calibration_error(known)
    return [Figure("oracle_calibration_error", error, unit="share", count=len(known), warnings=warnings)]
