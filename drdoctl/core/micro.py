"""How many tokens a training process computes at once where the spec does not say."""

from __future__ import annotations

MICRO_TOKENS = {"cpu": 2048, "cuda": 16384}
"""Tokens of a micro-batch, by what computes (docs/performance.md has the sweep on a CPU)."""
WIDE = 8192
"""Layers times width from which on a CPU takes fewer: 2,048 tokens would leave about 0.8 GiB for the backward pass."""
WIDE_TOKENS = 768
"""What it takes then. 1,024 are 2 % faster in SmolLM2-135M and take 0.3 GiB more."""


def wide(layers: int, hidden: int) -> bool:
    """Whether what a model's tokens leave for the backward pass outweighs all else. `hidden`: its width."""
    return layers * hidden >= WIDE


def micro_tokens(device: str, layers: int, hidden: int) -> int:
    """Return the tokens of a micro-batch for a model of so many layers, `hidden` wide. `device`: `cpu` or `cuda`.

    What a token leaves for the backward pass grows with layers times width. On a CPU fewer tokens cost little time in
    matrices that large.
    """
    return WIDE_TOKENS if device == "cpu" and wide(layers, hidden) else MICRO_TOKENS[device]
