"""How long a stage takes: its work on a nominal machine, scaled by what earlier stages of the store took.

Work is more than FLOPs: small models spend their time on moving values and on starting operations, sampling on reading
weights. The nominal machine is one CPU core, or one GPU, with the speeds of `SPEEDS`, measured with
`benchmarks/cost.py`; earlier stages that are most alike (kind, processes, arithmetic) say how much slower or faster
this machine is. Without any the nominal speed is assumed, or `resources.gflops` where it is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from itertools import accumulate
from operator import add
from statistics import median
from typing import Any

from drdoctl.plan.activations import on_cpu

BACKWARD = 2.0
"""A backward pass, in forward passes."""
ALIKE = ("kind", "dtype", "processes", "threads", "device")
"""What makes an earlier stage a good witness, in order of weight."""


@dataclass(frozen=True)
class Work:
    """What a stage makes one of its processes do."""

    flops: float = 0
    """Multiply-adds in matrices, each counted as 2."""
    moved: float = 0
    """Bytes written and read by all that is no matrix product."""
    calls: float = 0
    """Operations started: each costs the same however small it is."""
    read: float = 0
    """Tokens of rows that are read, rendered and tokenised."""
    starts: float = 0
    """Seconds of imports, loading and saving."""

    def __add__(self, other: Work) -> Work:
        """Add up two kinds of work."""
        return Work(*map(add, astuple(self), astuple(other)))

    def times(self, factor: float) -> Work:
        """Return the work done so many times, begun once."""
        return replace(Work(*(part * factor for part in astuple(self))), starts=self.starts)


@dataclass(frozen=True)
class Speed:
    """A nominal machine. FLOP/s, bytes/s, seconds a call, seconds a token read."""

    gflops: Mapping[str, float]
    """By arithmetic, in large matrix products."""
    bandwidth: float
    call: float
    read: float = 3e-6


SPEEDS = {
    "cpu": Speed({"fp32": 240.0, "bf16": 400.0}, bandwidth=4e9, call=17e-6),
    "cuda": Speed({"fp32": 40e3, "bf16": 300e3}, bandwidth=2e12, call=8e-6),
}
MACHINE = 4
"""Which nominal machine this is: another number with other `SPEEDS`, for seconds on an older one compare with none."""


def device_of(resources: Mapping[str, Any]) -> str:
    """Return what the stage is taken to compute on, as a key of what is known of each."""
    return "cpu" if on_cpu(resources) else "cuda"


def nominal(work: Work, dtype: str, resources: Mapping[str, Any]) -> float:
    """Return the seconds of the work on the nominal machine, or at `resources.gflops`."""
    speed = SPEEDS[device_of(resources)]
    rate = speed.gflops[dtype]
    threads = float(resources.get("threads") or 1)
    busy = work.flops / (rate * 1e9) + work.moved / speed.bandwidth + work.calls * speed.call + work.read * speed.read
    given = resources.get("gflops")
    return work.starts + busy * (rate / given if given else 1 / threads)


def assumption(dtypes: Sequence[str], resources: Mapping[str, Any]) -> str:
    """Return what the seconds rest on where nothing was measured: `240 GFLOP/s in each process`."""
    speed, given = SPEEDS[device_of(resources)], resources.get("gflops")
    rates = (
        [given] if given else sorted({speed.gflops[dtype] * float(resources.get("threads") or 1) for dtype in dtypes})
    )
    texts = [f"{rate / 1000:g} TFLOP/s" if rate >= 1000 else f"{rate:g} GFLOP/s" for rate in rates]
    return f"{' or '.join(texts)} in each process"


@dataclass(frozen=True)
class Witness:
    """An earlier stage: what it was like, and how many times its nominal seconds it took."""

    like: Mapping[str, Any]
    ratio: float
    seconds: float
    """Its nominal seconds."""


def witnesses(manifests: Sequence[Mapping[str, Any]], now: Mapping[str, float]) -> list[Witness]:
    """Return the earlier stages that tell how fast this machine is.

    `now`: fingerprint -> FLOPs as estimated now. A manifest holds those of its own plan, which may have been made
    before the rows were counted: its nominal seconds are scaled by what the artifacts that are known to both say.
    """
    then = {made["fingerprint"]: _number(made, "flops") for made in manifests}
    scale = median([now[mark] / flops for mark, flops in then.items() if flops and now.get(mark)] or [1.0])
    found = []
    for made in manifests:
        if _number(made, "nominal_machine") != MACHINE:
            continue
        seconds, nominal_seconds = made["seconds"], _number(made, "nominal_seconds")
        flops = then[made["fingerprint"]]
        if seconds > 0 and nominal_seconds > 0:
            by = (now.get(made["fingerprint"]) or flops * scale) / flops if flops else 1.0
            now_nominal = nominal_seconds * by
            found.append(Witness(likeness(made["kind"], made["metrics"]), seconds / now_nominal, now_nominal))
    return found


def likeness(kind: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is compared between stages."""
    return {"kind": kind, **{name: facts.get(name) for name in ALIKE[1:]}}


def slowness(like: Mapping[str, Any], known: Sequence[Witness]) -> float | None:
    """Return how many times its nominal seconds a stage takes: the median of the witnesses most alike, None without.

    A witness counts for as much as it took: what a stage of a second takes is mostly its start. Only the data stage
    tells of data stages: it uses no model.
    """
    known = [one for one in known if (one.like["kind"] == "data") == (like["kind"] == "data")]
    if not known:
        return None

    def weight(one: Witness) -> int:
        return sum(2 ** (len(ALIKE) - at) for at, name in enumerate(ALIKE) if one.like[name] == like[name])

    best = max(weight(one) for one in known)
    return _middle([one for one in known if weight(one) == best])


def _middle(known: Sequence[Witness]) -> float:
    """Return the median ratio, each counted by its seconds."""
    ordered = sorted(known, key=lambda one: one.ratio)
    passed = accumulate(one.seconds for one in ordered)
    half = sum(one.seconds for one in ordered) / 2
    return next(one.ratio for one, by in zip(ordered, passed, strict=True) if by >= half)


def _number(manifest: Mapping[str, Any], name: str) -> float:
    value = manifest["metrics"].get(name)
    return float(value) if isinstance(value, int | float) else 0.0
