"""Probes: a few texts whose scores travel in the card, so that whoever pulls a model sees that it is still the same.

A hash says that the bytes are those of the publisher; a probe says that tokenizer, template, weights and library
together still give the publisher's scores here. Who scores is handed in, so that the zoo itself needs no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from drdoctl.core.errors import Fault, IntegrityError
from drdoctl.core.parts import Model

FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
RELATIVE = {FLOAT32: 1e-3, BFLOAT16: 1e-2}
"""Least tolerance, as a share of the largest score: other processors add up in another order."""
WIDEST = 10.0
"""A card may allow so many times what is usual, and no more: with any tolerance, any scores would do."""
BFLOAT16_MARGIN = 4.0
"""In bfloat16 a score may differ by so many times the largest difference that was seen where it was published."""
FEW = "Answer in one word: what colour is a clear sky at noon?"
TEXTS: tuple[dict[str, Any], ...] = (
    {"name": "short", "prompt": FEW, "response": "Blue."},
    {"name": "nearly empty", "prompt": FEW, "response": "."},
    {
        "name": "long",
        "prompt": "Why does bread rise? Explain it to somebody who has never baked.",
        "response": (
            "Yeast is alive. Given warm water and flour, it eats the sugar in the dough and breathes out a gas, carbon "
            "dioxide. Kneading has turned the flour's protein into a stretchy net, which catches the gas in small "
            "bubbles, so the dough swells. In the oven the bubbles grow once more, then the net sets around them and "
            "stays: those are the holes you see when you cut a loaf."
        ),
    },
    {
        "name": "very long",
        "prompt": "Count from 1 to 250 in figures, and say nothing else.",
        "response": ", ".join(map(str, range(1, 251))),
    },
    {
        "name": "unicode",
        "prompt": "Übersetze „Guten Morgen“ ins Japanische, Griechische und Hindi.",
        "response": "おはようございます · Καλημέρα · सुप्रभात ☀️ — naïve café, 10 €, x² ≤ ½",
    },
    {
        "name": "right to left",
        "prompt": "ما هي عاصمة مصر؟",
        "response": "عاصمة مصر هي القاهرة، وتقع على نهر النيل. תודה רבה ולהתראות.",
    },
    {
        "name": "code",
        "prompt": "Write a Python function that says whether a number is prime.",
        "response": (
            "```python\ndef prime(n: int) -> bool:\n    if n < 2:\n        return False\n"
            '    return all(n % k for k in range(2, int(n ** 0.5) + 1))  # "k" divides?\n```\n'
        ),
    },
    {
        "name": "several turns",
        "prompt": [
            {"role": "user", "content": "My flight was cancelled."},
            {"role": "assistant", "content": "I am sorry to hear that. Would you like a refund or another flight?"},
            {"role": "user", "content": "Another flight, please, tomorrow if that is possible."},
        ],
        "response": "Of course. There are seats tomorrow at 7:40 and at 16:15. Which of them suits you better?",
    },
)
"""What is scored where a model's tokenizer can write it; a card holds the texts that were."""


class Probe(Model):
    """One text and its score."""

    name: str
    """What it tries."""
    prompt: str | list[dict[str, str]] = Field(max_length=1 << 14)
    """Text, or turns of `role` and `content`."""
    response: str = Field(max_length=1 << 14)
    """The answer that is scored."""
    score: float
    """An oracle's reward, or the mean log-probability of a token of a student's response; in float32."""

    @field_validator("prompt")
    @classmethod
    def _turns_are_whole(cls, value: str | list[dict[str, str]]) -> str | list[dict[str, str]]:
        if isinstance(value, list) and not (value and all(turn.keys() == {"role", "content"} for turn in value)):
            raise ValueError("turns have a role and a content")
        return value


@dataclass(frozen=True)
class Stated:
    """What a publisher says of a model's scores."""

    role: str
    """`oracle` or `student`."""
    template: str
    """`auto` or `none`, as in training."""
    probes: Sequence[Probe]
    tolerance: Mapping[str, float]

    def request(self, folder: Path, device: str) -> dict[str, Any]:
        """Return what `train.probe.run` is asked for."""
        texts = [{"prompt": probe.prompt, "response": probe.response} for probe in self.probes]
        told = {"model": str(folder.resolve()), "role": self.role, "template": self.template}
        return {**told, "texts": texts, "device": device}


Scorer = Callable[[Path, Stated], Mapping[str, Any]]
"""(folder, stated) -> `{"scores": [...]}` of its probes in float32, or `{"skipped": why they cannot be had}`.

Raises StageFailed where the model cannot be loaded."""


@dataclass(frozen=True)
class Probed:
    """What became of a card's probes."""

    scored: bool
    said: str
    """One clause: `8 probes give the card's scores (largest difference 2e-07)`, or why they were not run."""


def tolerances(scores: list[float], difference: float | None) -> dict[str, float]:
    """Return what a card states for scores; `difference`: the largest that bfloat16 made, None where it is not known.

    Numbers of two digits, rounded up, so that a card reads well.
    """
    largest = max(map(abs, scores), default=0.0)
    found = {FLOAT32: _up(RELATIVE[FLOAT32] * largest)}
    if difference is not None:
        found[BFLOAT16] = _up(max(RELATIVE[BFLOAT16] * largest, BFLOAT16_MARGIN * difference))
    return found


def _up(value: float) -> float:
    if value <= 0:
        return 1e-6  # all scores are zero: nothing to compare with
    digits = 1 - math.floor(math.log10(value))
    return float(f"{math.ceil(value * 10**digits) / 10**digits:.12g}")


def check(stated: Stated, folder: Path, scorer: Scorer | None, ref: str) -> Probed:
    """Score what is stated with the model in `folder` and compare. `scorer` None: they are not to be run.

    Raises IntegrityError (exit 5) with a fault for each probe that differs: its name, expected and got.
    """
    if not stated.probes:
        return Probed(False, "the card has no probes: that the scores are the publisher's was not checked")
    if scorer is None:
        return Probed(False, "the probes were not run: that the scores are the publisher's was not checked")
    found = scorer(folder, stated)
    if "skipped" in found:
        return Probed(False, f"the probes were not run: {found['skipped']}")
    usual = tolerances([probe.score for probe in stated.probes], None)[FLOAT32]
    allowed = min(stated.tolerance.get(FLOAT32, usual), WIDEST * usual)
    faults, largest = [], 0.0
    for probe, score in zip(stated.probes, found["scores"], strict=True):
        difference = abs(score - probe.score)
        largest = max(largest, difference)
        if not difference <= allowed:
            faults.append(
                f"probe `{probe.name}` of `{ref}`: expected {probe.score:.6g}, got {score:.6g} "
                f"(tolerance {allowed:.2g} in float32)"
            )
    if faults:
        hint = "nothing was installed; compare your transformers with the card's `packages`, or tell the publisher"
        raise IntegrityError([Fault("probe", fault, None, hint) for fault in faults])
    count = f"{len(stated.probes)} probe{'s' * (len(stated.probes) > 1)}"
    return Probed(True, f"the model gives the card's scores ({count}, largest difference {largest:.1g})")
