"""What an eval promises to measure, it measures."""

from __future__ import annotations

import numpy as np
import pytest

from drdoctl.evals import EvalData, evals
from drdoctl.spec.sugar import needs_only_name

PAIRS = {
    name: np.array([-3.0, -4.0, -6.0]) * (1 + place)
    for place, name in enumerate(("chosen_logp", "rejected_logp", "ref_chosen_logp", "ref_rejected_logp"))
} | {name: np.array([3.0, 4.0, 5.0]) for name in ("chosen_tokens", "rejected_tokens")}


@pytest.mark.parametrize("name", [name for name, cls in evals().items() if needs_only_name(cls)])
def test_every_promised_figure_is_given(name, make_eval, make_samples):
    """Each measure is one figure of the same metric, baseline, judge and temperature."""
    part = make_eval(name)
    promised = part.measures()
    if not promised:
        return
    student, other = (make_samples([1, 2, shift], reward=[1, shift, 3]) for shift in (4, 5))
    samplings = part.samplings()
    data = EvalData(
        samples=dict.fromkeys(samplings, student),
        baselines={against: dict.fromkeys(samplings, other) for against in ("sft", "reference")},
        pairs=PAIRS,
    )
    given = [(one.metric, one.against, one.judge, one.temperature) for one in part.measure(data)]
    for one in promised:
        assert given.count((one.metric, one.against, one.judge, one.temperature)) == 1
