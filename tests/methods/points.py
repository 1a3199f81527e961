"""Pairs to compute losses on, random and extreme, and how a method is handed them.

Sums go from -1e-2 to -1e4 nats, of the policy and of the reference, near each other and far; responses have 1 to 2,000
tokens; margins and rewards go to 1,000 and beyond. Every number is one that float32 holds exactly.
"""

from __future__ import annotations

import random

import torch
from equations import SAMPLES

from drdoctl.methods import MISMATCHED, PROGRESS, PairNumbers

SPREADS = (2.5, 0.75, 0.0)
"""Standard deviations of the members' margins over the training split; the last one's never vary."""
MEMBERS = len(SPREADS)


def short(value):
    """Return the nearest number that float32 holds."""
    return torch.tensor(value, dtype=torch.float32).item()


def around(stream, z):
    """Return another log-probability: mostly a few nats away, sometimes anywhere."""
    return min(-1e-3, z + stream.gauss(0, 3)) if stream.random() < 0.7 else -(10 ** stream.uniform(-2, 4))


def point(stream, z_w, z_l, ref, size, n=None):
    """Return all symbols by name. `ref`: a function of z; `size`: of the margins; `n`: tokens, or any."""
    n_w, n_l = n or (int(10 ** stream.uniform(0, 3.3)) for _ in range(2))
    found = {"z_w": z_w, "z_l": z_l, "n_w": n_w, "n_l": n_l, "ref_w": ref(z_w), "ref_l": ref(z_l)}
    found |= {f"dr_{i}": size * stream.gauss(0, 1) for i in range(MEMBERS)}
    found |= {f"std_{i}": std for i, std in enumerate(SPREADS)}
    found |= {f"head_{side}": size * stream.gauss(0, 1) for side in "wl"}
    samples = [around(stream, z_w) for _ in range(SAMPLES)]
    found |= {f"y_{s}": z for s, z in enumerate(samples)} | {f"ref_y_{s}": ref(z) for s, z in enumerate(samples)}
    return {name: short(value) for name, value in found.items()}


def drawn(count):
    """Return random points. A token's mean log-probability is below -1e-5, so that log(1 - p) is not cut off."""
    stream = random.Random(0)  # noqa: S311  # no secret is drawn
    found = []
    for _ in range(count):
        z_w = -(10 ** stream.uniform(-2, 4))
        size = 10 ** stream.uniform(-1, 3)
        found.append(point(stream, z_w, around(stream, z_w), lambda z: around(stream, z), size))
    return [row for row in found if max(row[f"z_{side}"] / row[f"n_{side}"] for side in "wl") < -1e-5]


def extreme(least):
    """Return the corners: responses all but certain (`-least`) or of -1e4 nats, margins of +-1e3, 1 or 2,000 tokens."""
    stream = random.Random(1)  # noqa: S311  # no secret is drawn
    marks, found = (-least, -37.5, -1e4), []
    for at, (z_w, z_l) in enumerate((one, other) for one in marks for other in marks):
        ref = (lambda z: z, lambda _: -1e4, lambda _: -least)[at % 3]
        lengths = ((1, 1), (2000, 1), (1, 2000))[(at // 3 + at) % 3]
        for dr in (1e3, -1e3):
            row = point(stream, z_w, z_l, ref, 1e3, n=lengths)
            found.append({**row, "dr_0": dr, "head_w": dr, "head_l": -dr / 2})
    return found


POINTS = [*extreme(2.0**-5), *drawn(30)]
CERTAIN = [*extreme(0.0), *extreme(1e-9)]
"""Where log(1 - p) is infinite, or next to it: the methods cut it off, and stay finite."""


def tensors(rows, members, stats, dtype):
    """Return the points as a batch, log-probabilities and rewards of the student with gradient."""

    def column(name):
        return torch.tensor([row[name] for row in rows], dtype=dtype)

    def columns(name, count):
        return torch.stack([column(f"{name}_{at}") for at in range(count)], dim=1)

    told = {PROGRESS: stats["progress"], MISMATCHED: stats["mismatched"]}
    told |= {f"member_loss_{at}": value for at, value in enumerate(stats["members"])}
    return PairNumbers(
        chosen_logp=column("z_w").requires_grad_(),
        rejected_logp=column("z_l").requires_grad_(),
        chosen_tokens=column("n_w"),
        rejected_tokens=column("n_l"),
        oracle_margin=columns("dr", members),
        ref_chosen_logp=column("ref_w"),
        ref_rejected_logp=column("ref_l"),
        sample_logp=columns("y", SAMPLES).requires_grad_(),
        ref_sample_logp=columns("ref_y", SAMPLES),
        chosen_reward=column("head_w").requires_grad_(),
        rejected_reward=column("head_l").requires_grad_(),
        margin_std=torch.tensor(SPREADS[:members], dtype=dtype),
        stats=told,
    )
