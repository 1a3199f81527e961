"""Validation and test: students are chosen on some of the prompts and held-out pairs, and figures read on the others.

Which side a prompt is on follows from its text alone, so it is the same for every student, seed and split; pairs are on
their prompt's side.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from drdoctl.core.words import TEST, VALIDATION
from drdoctl.evals import EvalData, Samples

if TYPE_CHECKING:
    import numpy as np


def part_of(prompt: str, fraction: float) -> str:
    """Return `validation` for about `fraction` of all prompts, else `test`. A larger fraction keeps a smaller one's."""
    bits = int.from_bytes(hashlib.sha256(f"{VALIDATION}\n{prompt}".encode()).digest()[:8])
    return VALIDATION if bits < fraction * 2**64 else TEST


def parts_of(prompts: Iterable[str], fraction: float) -> list[str]:
    """Return the part of each prompt."""
    return [part_of(prompt, fraction) for prompt in prompts]


def side(data: EvalData, part: str, prompts: Mapping[str, str], pairs: Sequence[str]) -> EvalData:
    """Return one part of what an eval is given.

    `prompts`: prompt id -> its part; a prompt that is not there is a test prompt. `pairs`: the part of each held-out
    pair, (M,), in their order.
    """
    import numpy as np

    rows = np.flatnonzero([one == part for one in pairs])
    return replace(
        data,
        samples={sampling: _only(samples, part, prompts) for sampling, samples in data.samples.items()},
        baselines={
            name: {sampling: _only(samples, part, prompts) for sampling, samples in found.items()}
            for name, found in data.baselines.items()
        },
        pairs={name: np.asarray(values)[rows] for name, values in data.pairs.items()},
    )


def _only(samples: Samples, part: str, prompts: Mapping[str, str]) -> Samples:
    import numpy as np

    rows = np.flatnonzero([prompts.get(name, TEST) == part for name in samples.prompt_ids])
    scores: dict[str, np.ndarray] = {name: values[rows] for name, values in samples.scores.items()}
    return replace(
        samples,
        prompt_ids=[samples.prompt_ids[row] for row in rows],
        responses=[samples.responses[row] for row in rows],
        tokens=samples.tokens[rows],
        ended=samples.ended[rows],
        scores=scores,
    )
