"""Every student against every other, on the same prompts: mean difference, win rates, intervals and tests."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby
from typing import TYPE_CHECKING

from drdoctl.core.bootstrap import ends, resampled_means
from drdoctl.core.parts import Model
from drdoctl.core.significance import CHANCE, holm_within, p_value
from drdoctl.core.statistics import gaps, like_length, share_above
from drdoctl.core.words import REFERENCE, TEST, TRUTH
from drdoctl.report.samples import Way

if TYPE_CHECKING:
    import numpy as np

COLUMNS = 4
"""Of a pair: the difference, who wins, who wins among responses of like length, and which are."""
AT_ONCE = 256
"""Pairs whose columns are resampled at once: 2,000 draws of 1,024 columns, 16 MB."""


class Difference(Model):
    """Two students on the same prompts: the first minus the second."""

    first: str
    """Label."""
    second: str
    """Label."""
    judge: str
    """`truth`, `oracle`, or a judge's name."""
    sampling: str
    """Such as `t0.7-p0.8-n256`."""
    temperature: float | None
    """Of the samples."""
    mean: float
    """Mean difference in reward."""
    low: float | None
    """Lower end of its 95 % interval."""
    high: float | None
    """Upper end."""
    win_rate: float
    """Share of prompts where the first has more reward, plus half of the ties."""
    win_low: float | None
    """Lower end of its 95 % interval."""
    win_high: float | None
    """Upper end."""
    count: int
    """Prompts."""
    win_rate_like_length: float | None = None
    """The same share among prompts to which both respond with as many tokens, give or take a tenth of the longer."""
    like_low: float | None = None
    """Lower end of its 95 % interval; drawn with all prompts, so that how many are of like length varies too."""
    like_high: float | None = None
    """Upper end."""
    like_count: int = 0
    """Prompts with responses of like length."""
    p: float | None = None
    """Two-sided p-value of the mean difference against 0."""
    p_holm: float | None = None
    """The same, adjusted for all pairs by this judge on this way of sampling (Holm)."""
    win_p: float | None = None
    """Two-sided p-value of the win rate against 1/2."""
    part: str | None = None
    """`test` where students were chosen on other prompts, else null."""
    seed: int | None = None
    """The seed that both share, where the matrix has several; students of other seeds are not compared."""
    warnings: list[str]
    """What a reader must know before quoting the number."""


@dataclass(frozen=True)
class _Pair:
    """Two students on one way of sampling, by one judge."""

    first: str
    second: str
    judge: str
    way: str
    temperature: float | None
    part: str | None
    difference: np.ndarray
    """Of rewards, (P,), finite."""
    like: np.ndarray
    """Which responses are of like length, (P,), bool."""

    def columns(self) -> np.ndarray:
        """Return (P, COLUMNS): what means are taken of."""
        import numpy as np

        wins = share_above(self.difference)
        return np.stack([self.difference, wins, wins * self.like, self.like], axis=1)


def head_to_head(
    sampled: Mapping[str, Mapping[str, Way]],
    judges: Mapping[str, str],
    seed: int,
    *,
    seeds: Mapping[str, int] | None = None,
    prompts: Mapping[str, str] | None = None,
    stamps: Mapping[tuple[str, str], Sequence[str]] | None = None,
    marks: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Difference]:
    """Return each pair of students, on each way of sampling that both have, by each judge that scored both.

    Scores by two models are not compared, though both be called `oracle`.

    `sampled`: label -> way -> responses, aligned students only. `judges`: name -> column of scores. `seeds`: label ->
    the combination's seed, where there are several. `prompts`: label -> a mark of what it was asked. `stamps`: (label,
    judge) -> warnings of its figures. `marks`: label -> judge -> a mark of the model that judged.
    """
    seeds, prompts, stamps = seeds or {}, prompts or {}, stamps or {}
    alike = {label: (seeds.get(label), prompts.get(label)) for label in sampled}
    pairs = list(_pairs(sampled, judges, alike, marks or {}))
    found = []
    for pair, (low, high) in zip(pairs, _intervals(pairs, seed), strict=True):
        told = [text for label in (pair.first, pair.second) for text in stamps.get((label, pair.judge), ())]
        more = {"seed": seeds.get(pair.first), "warnings": list(dict.fromkeys(told))}
        found.append(_difference(pair, low, high, seed).model_copy(update=more))
    adjusted = holm_within([row.p for row in found], [(row.judge, row.sampling, row.seed) for row in found])
    return [row.model_copy(update={"p_holm": p}) for row, p in zip(found, adjusted, strict=True)]


def _pairs(
    sampled: Mapping[str, Mapping[str, Way]],
    judges: Mapping[str, str],
    alike: Mapping[str, object],
    marks: Mapping[str, Mapping[str, str]],
) -> Iterator[_Pair]:
    import numpy as np

    for first, second in combinations(sampled, 2):
        if alike[first] != alike[second]:
            continue
        left, right = marks.get(first, {}), marks.get(second, {})
        shared = {judge: column for judge, column in judges.items() if left.get(judge) == right.get(judge)}
        for way in (way for way in sampled[first] if way in sampled[second] and way != REFERENCE):
            ours, theirs = sampled[first][way], sampled[second][way]
            here, there = _shared(ours, theirs)
            like = like_length(np.asarray(ours.numbers("tokens"))[here], np.asarray(theirs.numbers("tokens"))[there])
            same = ours.texts[here] == theirs.texts[there]
            part = TEST if ours.divided else None
            for judge, column in shared.items():
                one, two = ours.numbers(column), theirs.numbers(column)
                if one is None or two is None:
                    continue
                difference = gaps(one[here], two[there], None if judge == TRUTH else same)
                known = np.isfinite(difference)
                if known.any():
                    yield _Pair(first, second, judge, way, ours.temperature, part, difference[known], like[known])


def _shared(ours: Way, theirs: Way) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the prompts that both answer and that figures are read on, in the first one's order."""
    import numpy as np

    if ours.ids == theirs.ids:
        return ours.read, ours.read
    rows = [(row, theirs.places[ours.ids[row]]) for row in ours.read if ours.ids[row] in theirs.places]
    both = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return both[:, 0], both[:, 1]


def _intervals(pairs: Sequence[_Pair], seed: int) -> list[tuple[list[float | None], list[float | None]]]:
    """Return the ends of the intervals of mean, win rate and like-length win rate of each pair.

    Draws depend on the number of prompts alone, so pairs of as many prompts share them.
    """
    found: dict[int, tuple[list[float | None], list[float | None]]] = {}
    order = sorted(range(len(pairs)), key=lambda at: len(pairs[at].difference))
    for prompts, group in groupby(order, key=lambda at: len(pairs[at].difference)):
        rows = list(group)
        for start in range(0, len(rows), AT_ONCE):
            some = rows[start : start + AT_ONCE]
            if prompts < 2:
                found |= {at: ([None] * 3, [None] * 3) for at in some}
            else:
                found |= dict(zip(some, _resampled([pairs[at] for at in some], seed), strict=True))
    return [found[at] for at in range(len(pairs))]


def _resampled(pairs: Sequence[_Pair], seed: int) -> list[tuple[list[float | None], list[float | None]]]:
    import numpy as np

    means = resampled_means(np.concatenate([pair.columns() for pair in pairs], axis=1), seed)
    found = []
    for at in range(len(pairs)):
        mean, wins, like_wins, like = means[:, at * COLUMNS : (at + 1) * COLUMNS].T
        with np.errstate(divide="ignore", invalid="ignore"):
            share = like_wins / like
        both = [ends(values) or (None, None) for values in (mean, wins, share)]
        found.append(([low for low, _ in both], [high for _, high in both]))
    return found


def _difference(pair: _Pair, low: Sequence[float | None], high: Sequence[float | None], seed: int) -> Difference:
    _, wins, like_wins, like = pair.columns().T
    count = int(like.sum())
    return Difference(
        first=pair.first,
        second=pair.second,
        judge=pair.judge,
        sampling=pair.way,
        temperature=pair.temperature,
        mean=float(pair.difference.mean()),
        low=low[0],
        high=high[0],
        win_rate=float(wins.mean()),
        win_low=low[1],
        win_high=high[1],
        count=len(wins),
        win_rate_like_length=float(like_wins.sum() / count) if count else None,
        like_low=low[2] if count else None,
        like_high=high[2] if count else None,
        like_count=count,
        p=p_value(pair.difference, seed),
        win_p=p_value(wins, seed, CHANCE),
        part=pair.part,
        warnings=[],
    )
