"""What holds for every method there is, and for one that is added."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from drdoctl.methods import MISMATCHED, methods
from drdoctl.methods._symbols import legend, names

PAGE = Path(__file__).parents[2] / "docs" / "methods.md"
WORDS = {"and", "exp", "i", "log", "max", "mean", "min", "of", "over", "sigmoid", "y"}
LOGP = st.floats(-1e4, 0, width=32)
MARGIN = st.floats(-1e4, 1e4, width=32)
SHARP = {"beta": 10.0}
CASES = [
    (name, options) for name, cls in methods().items() for options in ({}, SHARP) if set(options) <= {*cls.model_fields}
]


def numbers(make_pairs, method, z, ref, dr, dtype):
    """Return one pair with everything that the method asks for."""
    others = {"dr": [[dr] * max(1, method.oracle_members)], "stats": {MISMATCHED: dr}}
    return make_pairs([z[0]], [z[1]], [3.0], [7.0], ref=([ref[0]], [ref[1]]), dtype=dtype, **others)


@settings(deadline=None, max_examples=50)
@pytest.mark.parametrize(("name", "options"), CASES)
@given(z=st.tuples(LOGP, LOGP), ref=st.tuples(LOGP, LOGP), dr=MARGIN)
def test_everything_stays_finite(make_pairs, make_method, name, options, z, ref, dr):
    """No log-probability, of the policy or the reference, and no margin gives NaN or infinity in float32."""
    method = make_method(name, **options)
    pairs = numbers(make_pairs, method, z, ref, dr, torch.float32)
    out = method.loss(pairs)
    out.losses.sum().backward()
    assert torch.isfinite(out.losses).all()
    for leaf in (pairs.chosen_logp, pairs.rejected_logp):
        assert leaf.grad is None or torch.isfinite(leaf.grad).all()
    assert all(torch.isfinite(values).all() for values in out.metrics.values())


@pytest.mark.parametrize("name", list(methods()))
def test_gradients_are_those_of_finite_differences(make_pairs, make_method, name):
    """At ordinary log-probabilities autograd's slopes are the loss's own, in float64."""
    method = make_method(name)

    def loss(z_w, z_l):
        pairs = numbers(make_pairs, method, (-1.0, -1.0), (-9.5, -14.2), 1.3, torch.float64)
        return method.loss(type(pairs)(**{**pairs.__dict__, "chosen_logp": z_w, "rejected_logp": z_l})).losses

    at = [torch.tensor([value], dtype=torch.float64, requires_grad=True) for value in (-7.3, -12.1)]
    assert torch.autograd.gradcheck(loss, at, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", list(methods()))
def test_a_method_says_what_it_is(name):
    """It names its paper and its equation, which is the one of docs/methods.md, and every symbol in it is explained."""
    method = methods()[name]
    rows = [line.split(" | ") for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    shown = {row[0].strip("| `"): row[1].strip("`") for row in rows}
    plain = shown[name].replace("²", "^2").replace("‖", "||").replace("`", "")
    assert method.equation == plain
    assert method.paper
    assert names(method.equation) <= {*legend(method.equation), *method.model_fields} | WORDS
