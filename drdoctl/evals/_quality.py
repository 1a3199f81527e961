"""How good a reward model is on labelled pairs: accuracy, calibration, love of length, agreement of an ensemble.

P(chosen is better) is sigmoid(r_w - r_l), as the Bradley-Terry loss has it (DRDO, eq. 2). The same sums serve the eval
`oracle-quality` and `drdoctl score`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

from drdoctl.core.significance import CHANCE, p_value
from drdoctl.core.statistics import correlation, like_length, moments, pearson, ranks, share_above
from drdoctl.evals import Figure
from drdoctl.evals._compare import mean_figure

if TYPE_CHECKING:
    import numpy as np

RELIABILITY_BINS = 10
QUANTILES = 4
"""Pairs are divided into quarters by confidence and by edit distance."""
EXACT = 17
"""Digits that tell any two numbers apart."""
LARGE = 20_000
"""With more pairs an interval comes from the standard error: the bootstrap would take seconds and say the same."""


def quality(pairs: Mapping[str, np.ndarray], seed: int, warnings: tuple[str, ...] = ()) -> list[Figure]:
    """Return the figures of one reward model, or of an ensemble's mean reward and of its members.

    `pairs`: `margin_0` … `margin_{K-1}` (r_w - r_l of each member), and where known `chosen_tokens`, `rejected_tokens`,
    `confidence`, `edit_distance` (NaN where unknown) and `subset` (strings); all of shape (M,).
    """
    import numpy as np

    members = [np.asarray(pairs[f"margin_{at}"], dtype=np.float64) for at in range(_members(pairs))]
    margin = np.mean(members, axis=0)
    if not len(margin):
        return []
    found = [*_overall(margin, seed), *_lengths(margin, pairs, seed), *_reliability(margin, seed)]
    for name in ("confidence", "edit_distance"):
        if name in pairs:
            found += _by_quarter(share_above(margin), np.asarray(pairs[name], dtype=np.float64), name, seed)
    if "subset" in pairs:
        found += _by_subset(share_above(margin), np.asarray(pairs["subset"]), seed)
    if len(members) > 1:
        found += _agreement(members, seed)
    return [replace(figure, warnings=warnings) for figure in found]


def of_rows(rows: Sequence[Mapping[str, Any]], tokens: Sequence[Sequence[int]]) -> dict[str, np.ndarray]:
    """Return what a file's rows tell of their pairs: token counts, and `confidence` and `subset` where any row has one.

    `tokens`: chosen and rejected response of each row.
    """
    import numpy as np

    chosen, rejected = np.array(tokens, dtype=np.float64).reshape(-1, 2).T
    found: dict[str, np.ndarray] = {"chosen_tokens": chosen, "rejected_tokens": rejected}
    given = [row.get("confidence") for row in rows]
    known = [float(one) if isinstance(one, int | float) else np.nan for one in given]
    if np.isfinite(known).any():
        found["confidence"] = np.array(known)
    subsets = [row.get("subset") for row in rows]
    if any(one is not None for one in subsets):
        found["subset"] = np.array(["none" if one is None else str(one) for one in subsets])
    return found


def _members(pairs: Mapping[str, np.ndarray]) -> int:
    return sum(name.startswith("margin_") for name in pairs)


def figure(
    metric: str, values: np.ndarray, seed: int, *, unit: str = "", null: float | None = None, group: str | None = None
) -> list[Figure]:
    """Return the figure of a mean over pairs with its 95 % interval; [] without pairs. `null` as for `mean_figure`."""
    if len(values) <= LARGE:
        return [replace(one, group=group) for one in mean_figure(metric, values, seed, unit=unit, null=null)]
    mean, error = float(values.mean()), float(values.std(ddof=1)) / len(values) ** 0.5
    p = None if null is None else p_value(values, seed, null)
    low, high = mean - 1.96 * error, mean + 1.96 * error
    return [Figure(metric, mean, low, high, unit, count=len(values), p=p, group=group)]


def _overall(margin: np.ndarray, seed: int) -> list[Figure]:
    import numpy as np

    wrong = 1 / (1 + np.exp(np.clip(margin, -700, 700)))  # the chance given to the label's other side
    return [
        *figure("accuracy", share_above(margin), seed, unit="share", null=CHANCE),
        *figure("log_loss", np.logaddexp(0, -margin), seed, unit="nats"),
        *figure("brier", wrong**2, seed),
        Figure("calibration_error", calibration_error(margin), unit="share", count=len(margin)),
        *figure("margin", margin, seed, unit="reward"),
        Figure("margin_sd", float(margin.std()), unit="reward", count=len(margin)),
    ]


def _lengths(margin: np.ndarray, pairs: Mapping[str, np.ndarray], seed: int) -> list[Figure]:
    """Return what length alone would score, how the margin follows it, and the accuracy where it cannot help."""
    import numpy as np

    if not {"chosen_tokens", "rejected_tokens"} <= pairs.keys():
        return []
    chosen, rejected = (np.asarray(pairs[name], dtype=np.float64) for name in ("chosen_tokens", "rejected_tokens"))
    longer, like = chosen - rejected, like_length(chosen, rejected)
    right = share_above(margin)
    found = figure("length_accuracy", share_above(longer), seed, unit="share")
    found += figure("accuracy_like_length", right[like], seed, unit="share", null=CHANCE) if like.any() else []
    if len(margin) <= LARGE:
        return [*found, *mean_figure("length_correlation", moments(margin, longer), seed, correlation)]
    value = pearson(margin, longer)
    return found if value is None else [*found, Figure("length_correlation", value, count=len(margin))]


def _reliability(margin: np.ndarray, seed: int) -> Iterator[Figure]:
    """Yield for each bin of certainty how sure the rewards are there on average, and how often they are right."""
    sure, place = certainty(margin)
    for at in range(RELIABILITY_BINS):
        here = place == at
        if here.any():
            low, high = (0.5 + 0.5 * end / RELIABILITY_BINS for end in (at, at + 1))
            group = f"certainty {low:.2f} to {high:.2f}"
            mean = float(sure[here].mean())
            yield Figure("reliability_stated", mean, unit="share", count=int(here.sum()), group=group)
            yield from figure("reliability_observed", share_above(margin)[here], seed, unit="share", group=group)


def _by_quarter(right: np.ndarray, by: np.ndarray, name: str, seed: int) -> Iterator[Figure]:
    """Yield the accuracy in each quarter of the pairs by a column; fewer groups where many have the same value."""
    import numpy as np

    known = np.isfinite(by)
    right, by = right[known], by[known]
    if not len(by):
        return
    cuts = np.unique(np.quantile(by, np.linspace(0, 1, QUANTILES + 1)))
    place = np.clip(np.searchsorted(cuts, by, side="right") - 1, 0, max(0, len(cuts) - 2))
    parts = [place == at for at in np.unique(place)]
    for part, ends in zip(parts, _ranges([(by[part].min(), by[part].max()) for part in parts]), strict=True):
        group = f"{name.replace('_', ' ')} {ends}"
        yield from figure("accuracy", right[part], seed, unit="share", group=group)


def _ranges(ends: Sequence[tuple[float, float]]) -> list[str]:
    """Return ranges in words, in as few digits from three on as tell them apart: a figure is known by its group."""
    for digits in range(3, EXACT):
        found = [f"{low:.{digits}g} to {high:.{digits}g}" for low, high in ends]
        if len(set(found)) == len(found):
            return found
    return [f"{low:.{EXACT}g} to {high:.{EXACT}g}" for low, high in ends]


def _by_subset(right: np.ndarray, subset: np.ndarray, seed: int) -> list[Figure]:
    """Return each subset's accuracy, and their mean, in which a small subset counts as much as a large one."""
    names = sorted(set(subset.tolist()))
    parts = [right[subset == name] for name in names]
    found = [
        figure("accuracy", part, seed, unit="share", group=f"subset {name}")
        for name, part in zip(names, parts, strict=True)
    ]
    mean = sum(float(part.mean()) for part in parts) / len(parts)
    return [
        Figure("accuracy_over_subsets", mean, unit="share", count=len(right)),
        *(one for each in found for one in each),
    ]


def _agreement(members: list[np.ndarray], seed: int) -> Iterator[Figure]:
    """Yield each member's accuracy; for each two of them the share of pairs put in one order, and both correlations."""
    import numpy as np

    for at, margin in enumerate(members):
        yield from figure("accuracy", share_above(margin), seed, unit="share", group=f"member {at}")
    for (first, ours), (second, theirs) in combinations(enumerate(members), 2):
        group = f"members {first} and {second}"
        same = (np.sign(ours) == np.sign(theirs)).astype(np.float64)
        yield from figure("member_agreement", same, seed, unit="share", group=group)
        for name, sides in (("pearson", (ours, theirs)), ("spearman", (ranks(ours), ranks(theirs)))):
            value = pearson(*sides)
            if value is not None:
                yield Figure(f"member_{name}", value, count=len(ours), group=group)


def certainty(margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return sigmoid(|dr|), how sure a margin is of being right, and its bin of [1/2, 1]; both (M,)."""
    import numpy as np

    sure = 1 / (1 + np.exp(-np.abs(margin)))
    return sure, np.minimum(((sure - 0.5) * 2 * RELIABILITY_BINS).astype(int), RELIABILITY_BINS - 1)


def calibration_error(margin: np.ndarray) -> float:
    """Return the expected calibration error of sigmoid(|dr|) as the chance of being right, in 10 bins of [1/2, 1]."""
    import numpy as np

    sure, place = certainty(margin)
    gaps = np.bincount(place, weights=share_above(margin) - sure, minlength=RELIABILITY_BINS)
    return float(np.abs(gaps).sum() / len(margin))
