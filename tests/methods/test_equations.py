"""Every method and every option that changes its formula, against its equation in 60 digits: values and slopes.

In float64 a number must be within 1e-9 of its own size, in float32 within 1e-5; or else within what eight roundings of
its inputs change the exact one by, for where a difference of large numbers is all but 0 no arithmetic could do better.
Below 1e-30 nothing is compared. Points: `points.py`; equations: `equations.py`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args, get_origin

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))

import equations
from equations import MP, SAMPLES
from points import CERTAIN, MEMBERS, POINTS, drawn, tensors

from drdoctl.methods import methods

TINY, ROUNDINGS = MP.mpf("1e-30"), 8
PART = {torch.float64: MP.mpf("1e-9"), torch.float32: MP.mpf("1e-5")}
ROUNDED = {"kto": "slopes", "rpo-bwd-kl": "values", "rpo-fwd-kl": "values"}
"""What is also let off by eight roundings of 1: the slope of a sigmoid next to 1, and the divergence of coins that are
all but alike, a difference of logarithms. Both are next to nothing beside any other pair's."""
NO_FORMULA = {"name", "learning_rate", "detach_trunk", "head_learning_rate", "head_max_grad_norm"}
"""Options that the engine reads, and no loss."""
SCALED = ({"reward_scale": "std"},)
NOISY = ({"label_smoothing": 0.2}, {"label_smoothing": 0.4, "robust": True}, {"beta": 2.0})
NEAR = ({"gamma": 0.3, "gamma_start": None}, {"gamma": 0.5, "gamma_start": 0.01, "kl_samples": SAMPLES})
FORMS = {
    "sft": ({"log_prob": "sum"},),
    "dpo": NOISY,
    "p-dpo": (*NEAR, *({**noise, **near} for noise, near in zip(NOISY, (*NEAR, {"gamma": 0.0}), strict=True))),
    "ipo": ({"tau": 0.5}, {"log_prob": "mean", "tau": 1.0}),
    "d-dpo": ({"beta": 1.0}, *SCALED),
    "pd-dpo": (*NEAR, {**SCALED[0], **NEAR[1]}, {"beta": 1.0}),
    "rebel": ({"eta": 3.0}, *SCALED),
    "rpo-sq": ({"eta": 0.3, "beta": 1.0}, *SCALED),
    "rpo-bwd-kl": ({"eta": 0.3, "beta": 1.0}, *SCALED),
    "rpo-fwd-kl": ({"eta": 0.3, "beta": 1.0}, *SCALED),
    "hinge": ({"reference": False}, {"beta": 0.02, "sft_weight": 0.5}, {"reference": False, "sft_weight": 2.0}),
    "simpo": ({"beta": 10.0, "gamma": 0.0}, {"gamma": 1.6}),
    "cpo": ({"log_prob": "sum", "sft_weight": 0.5}, {"beta": 1.0}, {"sft_weight": 0.0}),
    "orpo": ({"odds_weight": 0.0}, {"odds_weight": 1.0}),
    "kto": (
        {"reference_point": "zero"},
        {"desirable_weight": 3.0, "beta": 1.0},
        {"undesirable_weight": 0.5, "reference_point": "zero", "beta": 0.01},
    ),
    "e-dpo": (
        {"members": 1, "gamma": 0.5},
        {"ensemble_min": "example", "beta": 1.0},
        {"ensemble_min": "example", "gamma": 0.1, "kl_samples": SAMPLES, **SCALED[0]},
        {"ensemble_min": "batch"},
        {"ensemble_min": "batch", "gamma": 0.1, **SCALED[0]},
    ),
    "drdo": (
        {"reference": False, "beta": 1.0},
        {"log_prob": "mean"},
        {"log_prob": "mean", "unlikelihood": "printed", "gamma": 0.5, "alpha": 1.0},
        {"unlikelihood": "printed", "reference": False},
        {"detach_gate": True, "gamma": 5.0},
        {"detach_gate": True, "log_prob": "mean", "distillation": False},
        {"reward": "head"},
        {"reward": "head", "log_prob": "mean", "gamma": 0, **SCALED[0]},
        {"contrast": False, **SCALED[0]},
        {"alpha": 0.0, "reference": False},
        {"distillation": False, "gamma": 1.0},
    ),
}
STATS = {"progress": 0.375, "mismatched": 0.75, "members": [3.0, 1.5, 2.0]}
BEFORE = {**STATS, "progress": 0.0, "mismatched": -2.0, "members": []}
"""Another batch: the first step, which knows nothing of the members, and an estimate of a divergence below 0."""
CASES = [
    pytest.param(name, options, stats, id="-".join([name, *(f"{key}={value}" for key, value in options.items()), when]))
    for name in methods()
    for options in ({}, *FORMS.get(name, ()))
    for stats, when in ((STATS, "later"), (BEFORE, "first"))
    if when == "later" or name in ("kto", "e-dpo", "p-dpo", "pd-dpo")
]


def computed(rows, name, options, stats, dtype):
    """Return what the method makes of the points: losses, their slopes by symbol, and all metrics."""
    method = methods()[name].model_validate({"name": name, **options})
    pairs = tensors(rows, max(1, method.oracle_members), stats, dtype)
    out = method.loss(pairs)
    live = {"z_w": pairs.chosen_logp, "z_l": pairs.rejected_logp}
    if method.needs_head:
        live |= {"head_w": pairs.chosen_reward, "head_l": pairs.rejected_reward}
    if method.reference_samples:
        live |= {"y": pairs.sample_logp}
    made = torch.autograd.grad(out.losses.sum(), list(live.values()), allow_unused=True)
    slopes = {key: torch.zeros_like(live[key]) if grad is None else grad for key, grad in zip(live, made, strict=True)}
    if "y" in slopes:
        samples = slopes.pop("y")
        slopes |= {f"y_{s}": samples[:, s] for s in range(SAMPLES)}
    assert out.losses.dtype == dtype
    return out.losses.detach(), slopes, out.metrics


def off(ours, function, x, dtype, least):
    """Return by how much of its size a number is off, or 0 where it is as close as the head of this file says."""
    exact = function(x)
    error = abs(MP.mpf(ours) - exact)
    if error <= PART[dtype] * abs(exact) + TINY:
        return 0
    change = least + sum(abs(x[key] * equations.slope(function, x, key)) for key in x if key[0] != "n")
    return 0 if error <= ROUNDINGS * torch.finfo(dtype).eps * change else float(error / (abs(exact) or 1))


def compare(ours, function, dtype, least):
    """Hold a column of numbers to an exact function of the points. `least`: a size that may be rounded besides."""
    points = [{key: MP.mpf(value) for key, value in row.items()} for row in POINTS]
    errors = [off(number, function, x, dtype, least) for number, x in zip(ours.tolist(), points, strict=True)]
    assert not any(errors), (dtype, max(errors), POINTS[errors.index(max(errors))])


@pytest.mark.parametrize(("name", "options", "stats"), CASES)
def test_values(name, options, stats):
    """Each point's loss is the equation's, in both types."""

    def exact(x):
        return equations.loss(name, options, x, stats)

    for dtype in PART:
        losses, _, _ = computed(POINTS, name, options, stats, dtype)
        compare(losses, exact, dtype, ROUNDED.get(name) == "values")


@pytest.mark.parametrize(("name", "options", "stats"), CASES)
def test_slopes(name, options, stats):
    """Each point's gradient, by everything that has one, is what central differences of the equation give."""
    for dtype in PART:
        _, slopes, _ = computed(POINTS, name, options, stats, dtype)
        for key, ours in slopes.items():

            def exact(x, key=key):
                return equations.slope(lambda near: equations.loss(name, options, near, stats, held=x), x, key)

            compare(ours, exact, dtype, ROUNDED.get(name) == "slopes")


@pytest.mark.parametrize(("name", "options", "stats"), CASES)
@pytest.mark.parametrize("dtype", list(PART), ids=str)
def test_nothing_is_infinite(name, options, stats, dtype):
    """No point, not even a response of probability 1, gives NaN or infinity in a loss, a slope or a metric."""
    losses, slopes, metrics = computed([*POINTS, *CERTAIN], name, options, stats, dtype)
    assert all(torch.isfinite(values).all() for values in (losses, *slopes.values(), *metrics.values()))


@pytest.mark.parametrize("name", list(methods()))
def test_every_option_is_tried(name):
    """Each option that a loss reads has two values or more above, and each word that it may be is one of them."""
    for option, about in methods()[name].model_fields.items():
        if option not in NO_FORMULA:
            asked = {equations.DEFAULTS[name][option], *(form[option] for form in FORMS[name] if option in form)}
            words = get_args(about.annotation) if get_origin(about.annotation) is Literal else ()
            assert len(asked) > 1
            assert set(words) <= asked


@pytest.mark.parametrize("scale", ["none", "std"])
def test_the_batchs_least_member(scale):
    """With each member's mean over the batch at hand, the batch's loss is the least of the means, to 1e-9."""
    options, rows = {"ensemble_min": "batch", "beta": 1.0, "reward_scale": scale}, drawn(40)
    _, _, metrics = computed(rows, "e-dpo", options, {**STATS, "members": [1.0] * MEMBERS}, torch.float64)
    known = [metrics[f"member_loss_{i}"].mean().item() for i in range(MEMBERS)]
    losses, _, _ = computed(rows, "e-dpo", options, {**STATS, "members": known}, torch.float64)
    asked = {**equations.DEFAULTS["e-dpo"], **options}
    by_row = [equations.member_losses(asked, {key: MP.mpf(value) for key, value in row.items()}) for row in rows]
    least = min(sum(column) / len(rows) for column in zip(*by_row, strict=True))
    assert losses.mean().item() == pytest.approx(float(least), rel=1e-9)


def test_the_datas_least_member():
    """Step by step `dataset` takes the member whose moving average, 1 % of each step's mean, has been the least."""
    method = methods()["e-dpo"].model_validate({"name": "e-dpo"})
    rows = [row for row in drawn(600) if all(abs(row[f"dr_{i}"]) < 10 for i in range(MEMBERS))]
    stats, kept, chosen = {}, None, set()
    for step in range(len(rows) // 4):
        batch = rows[step * 4 : step * 4 + 4]
        out = method.loss(replace(tensors(batch, MEMBERS, {**STATS, "members": []}, torch.float64), stats=stats))
        asked = equations.DEFAULTS["e-dpo"]
        by_row = [equations.member_losses(asked, {key: MP.mpf(value) for key, value in row.items()}) for row in batch]
        means = [sum(column) / len(batch) for column in zip(*by_row, strict=True)]
        taken = sum(means) / MEMBERS if kept is None else means[kept.index(min(kept))]
        assert out.losses.mean().item() == pytest.approx(float(taken), rel=1e-9)
        chosen |= set() if kept is None else {kept.index(min(kept))}
        kept = means if kept is None else [(99 * old + new) / 100 for old, new in zip(kept, means, strict=True)]
        stats = method.follow(stats, {key: values.mean().item() for key, values in out.metrics.items()})
    assert len(chosen) > 1
