"""The reward head's gradient apart from the trunk's: hardly in the norm that clips it, with a limit of its own."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import nn

SCALE = 1e-3
"""Takes the head out of the trunk's clipping norm; AdamW's step does not depend on a constant factor."""
APART = "apart"
"""Key of the parameter group that a `HeadClip` looks after."""


def hide(head: nn.Linear) -> None:
    """Let the head's gradient count for a thousandth in the norm of all gradients, by which the trunk's are clipped."""
    head.weight.register_hook(lambda gradient: gradient * SCALE)


class HeadClip:
    """Clips a hidden head's gradient to a norm of its own, as the optimizer is about to step on it.

    Only there is it whole: the sum of all micro-batches and processes. By then DeepSpeed has multiplied it by the
    factor that clips the trunk, which is taken back.
    """

    def __init__(self, limit: float, trunk_limit: float, meet_on: torch.device | None) -> None:
        """`meet_on`: where processes add up what each knows of its part of the gradient; None: each has all of it."""
        self.limit, self.trunk_limit, self.meet_on = limit, trunk_limit, meet_on
        self.trunk_norm = 0.0
        """The norm of all gradients in this step, to be set before the optimizer's step where no `zero` is."""
        self.zero: Any = None
        """ZeRO's optimizer, which knows that norm."""
        self.norm = 0.0
        """The head's own norm in the last step, before it was clipped."""

    def __call__(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """Clip the group marked `APART`. ZeRO steps group by group: it shows one, or leaves the others empty."""
        for group in optimizer.param_groups:
            gradients = [weight.grad for weight in group["params"] if weight.grad is not None]
            if group.get(APART) and gradients:
                self._clip(gradients)

    def _clip(self, gradients: list[torch.Tensor]) -> None:
        taken = min(1.0, self.trunk_limit / (self._of_all() + 1e-6)) * SCALE
        squares = torch.stack([gradient.double().square().sum() for gradient in gradients]).sum()
        if self.meet_on is not None:
            squares = squares.to(self.meet_on)  # an offloaded part lies elsewhere
            dist.all_reduce(squares)
        self.norm = float(squares) ** 0.5 / taken
        for gradient in gradients:
            gradient.mul_(min(1.0, self.limit / (self.norm + 1e-6)) / taken)

    def _of_all(self) -> float:
        # ZeRO tells the engine only after the step
        return self.trunk_norm if self.zero is None else float(self.zero._global_grad_norm)  # noqa: SLF001
