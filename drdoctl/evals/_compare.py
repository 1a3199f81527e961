"""What the evals share: pairing by prompt, means with intervals as figures, and which figures carry the warnings."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from drdoctl.core.bootstrap import interval
from drdoctl.core.significance import p_value
from drdoctl.core.statistics import gaps
from drdoctl.core.words import TRUTH
from drdoctl.evals import EvalData, Figure, Samples

if TYPE_CHECKING:
    import numpy as np


def rewards(samples: Samples, judge: str) -> np.ndarray:
    """Return the judge's reward of every response, shape (P,), float64; NaN where the judge has none."""
    import numpy as np

    column = "truth.reward" if judge == TRUTH else judge
    if column not in samples.scores:
        return np.full(len(samples.prompt_ids), np.nan)
    return np.asarray(samples.scores[column], dtype=np.float64)


def reward_gaps(ours: Samples, theirs: Samples, judge: str, here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return by how much more the judge rewards ours than theirs at paired rows, (P,), float64; 0 for a tie.

    Equal texts are a tie whatever a reward model's arithmetic made of them; the truth may see that one did not end.
    """
    import numpy as np

    same = None
    if judge != TRUTH:
        same = np.array(
            [ours.responses[a] == theirs.responses[b] for a, b in zip(here, there, strict=True)], dtype=bool
        )
    return gaps(rewards(ours, judge)[here], rewards(theirs, judge)[there], same)


def warnings_for(data: EvalData, judge: str | None) -> tuple[str, ...]:
    """Return the stamps of a figure by this judge: `judge = …` is about the oracle's word, the others about all."""
    common = tuple(text for text in data.warnings if judge == "oracle" or not text.startswith("judge"))
    return (*data.stamps.get(judge or "", ()), *common)


def paired(*samples: Samples) -> list[np.ndarray]:
    """Return for each of the samples the rows of the prompts that all of them answer, in the first one's order.

    Pairing is by prompt id, so that samples of fewer prompts, or logged responses to more, still meet their own.
    """
    import numpy as np

    places = [{prompt: row for row, prompt in enumerate(one.prompt_ids)} for one in samples]
    shared = [prompt for prompt in places[0] if all(prompt in place for place in places)]
    return [np.array([place[prompt] for prompt in shared], dtype=np.int64) for place in places]


def mean_figure(
    metric: str,
    columns: np.ndarray,
    seed: int,
    statistic: Callable[[np.ndarray], np.ndarray] | None = None,
    *,
    unit: str = "",
    against: str | None = None,
    judge: str | None = None,
    temperature: float | None = None,
    warnings: tuple[str, ...] = (),
    null: float | None = None,
) -> list[Figure]:
    """Return the figure of a mean (or of a statistic of means) with its interval, or [] where there is no number.

    `columns` is (P,) or (P, C), one row a prompt; rows with a NaN are left out and not counted. `statistic` maps means
    (B, C) to values (B,). With `null` the figure has the p-value of the first column's mean against it.
    """
    import numpy as np

    table = np.asarray(columns, dtype=np.float64)
    table = table[:, None] if table.ndim == 1 else table
    table = table[~np.isnan(table).any(axis=1)]
    if not len(table):
        return []
    mean = table.mean(axis=0, keepdims=True)
    value = float((mean[:, 0] if statistic is None else statistic(mean))[0])
    if not np.isfinite(value):
        return []
    low, high = interval(table, seed, statistic) or (None, None)
    p = None if null is None else p_value(table[:, 0], seed, null)
    return [Figure(metric, value, low, high, unit, against, judge, temperature, len(table), warnings, p)]
