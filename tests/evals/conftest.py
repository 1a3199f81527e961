"""Builders shared by the tests of the evals."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from drdoctl.evals import EvalData, Samples, evals


@pytest.fixture(scope="session")
def make_samples():
    """Return a builder of `Samples` from rewards; prompts are called p0, p1 … unless named."""
    drawn = count()  # no two responses are equal

    def build(oracle=None, tokens=None, ended=None, ids=None, **truth):
        columns = {"oracle": oracle} if oracle is not None else {}
        columns |= {f"truth.{name}": values for name, values in truth.items()}
        prompts = len(next(iter(columns.values())))
        return Samples(
            prompt_ids=ids or [f"p{row}" for row in range(prompts)],
            responses=[f"response {next(drawn)}" for _ in range(prompts)],
            tokens=np.asarray(tokens if tokens is not None else [10] * prompts),
            ended=np.asarray(ended if ended is not None else [True] * prompts),
            scores={name: np.asarray(values, dtype=np.float32) for name, values in columns.items()},
        )

    return build


@pytest.fixture(scope="session")
def make_eval():
    """Return a builder of evals by name and options, as a spec would."""

    def build(name, **options):
        return evals()[name].model_validate({"name": name, **options})

    return build


@pytest.fixture(scope="session")
def measured():
    """Return a function that measures and gives the figures by (metric, against), for an eval of one temperature."""

    def run(part, student, baselines=None, **others):
        samplings = part.samplings()
        data = EvalData(
            samples=dict.fromkeys(samplings, student),
            baselines={name: dict.fromkeys(samplings, samples) for name, samples in (baselines or {}).items()},
            **others,
        )
        return {(figure.metric, figure.against): figure for figure in part.measure(data)}

    return run
