"""Which model and which way of sampling stand for all: what tables, charts and sentences agree on."""

from __future__ import annotations

from collections.abc import Iterable

from drdoctl.core.words import SFT
from drdoctl.doctor.case import USUAL


def is_start(label: str) -> bool:
    """Whether a label is a start model's: `sft`, or `sft,seed=1` where a matrix has several."""
    return label.partition(",")[0] == SFT


def headline_way(sampled: Iterable[tuple[str, float | None]]) -> str | None:
    """Return the way of sampling that stands for all: temperature 0.7, else the middle one above 0, else greedy."""
    ways = dict.fromkeys((way, temperature) for way, temperature in sampled if temperature is not None)
    warm = sorted((temperature, way) for way, temperature in ways if temperature)
    usual = next((way for temperature, way in warm if temperature == USUAL), None)
    return usual or (warm[len(warm) // 2][1] if warm else next((way for way, _ in ways), None))
