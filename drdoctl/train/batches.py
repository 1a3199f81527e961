"""Rows of token ids -> one flat batch with explicit segments. No padding anywhere.

The row holds tree after tree (see `attention.py`): prompt, first response, second response, then the
next tree. Position ids restart after the prompt for every response. The response's end token is its last id.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from drdoctl.train.flash import Ends, Tree

Ids = Sequence[int]
Item = tuple[Ids, tuple[Ids, ...]]
"""A prompt's ids and the ids of each response to it."""


@dataclass(frozen=True)
class FlatBatch:
    """N responses to G prompts in one row of T tokens, M of which are predicted."""

    input_ids: Tensor
    """Shape (1, T)."""
    position_ids: Tensor
    """Shape (1, T)."""
    trees: tuple[Tree, ...]
    """Length G; the segment table."""
    predict_at: Tensor
    """Where in the row the hidden state lies that predicts each response token. Shape (M,)."""
    targets: Tensor
    """The response tokens. Shape (M,)."""
    response_lengths: Tensor
    """Tokens of each response, tree by tree. Shape (N,)."""
    last_at: Tensor
    """Where in the row each response's last token lies: the reward is read there. Shape (N,)."""
    reads: Tensor
    """Where in the row a last hidden state is read: each prompt's end and the responses. Ascending, shape (G + M,)."""

    @property
    def tokens(self) -> int:
        """Return the unique tokens computed."""
        return int(self.input_ids.shape[1])

    def ends(self, *, logp: bool) -> Ends:
        """Return how many last tokens of each stretch are read: those at `reads`, or without `logp` at `last_at`."""
        if logp:
            return tuple((1 + sum(responses[:1]), *responses[1:]) for _, responses in self.trees)
        return tuple((1,) * len(responses) or (0,) for _, responses in self.trees)

    def to(self, device: torch.device) -> FlatBatch:
        """Return the batch on a device."""
        tensors: dict[str, Any] = {name: v.to(device) for name, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **tensors)


def collate(items: Sequence[Item]) -> FlatBatch:
    """Lay the items out flat. Every prompt and every response must have at least one token."""
    ids: list[int] = []
    positions: list[int] = []
    predict_at: list[int] = []
    targets: list[int] = []
    lengths: list[int] = []
    last_at: list[int] = []
    reads: list[int] = []
    trees: list[Tree] = []
    for prompt, responses in items:
        if not len(prompt) or not all(len(response) for response in responses):
            raise ValueError("a prompt or a response without tokens cannot be laid out")
        prompt_end = len(ids) + len(prompt) - 1
        ids.extend(prompt)
        positions.extend(range(len(prompt)))
        for response in responses:
            start = len(ids)
            ids.extend(response)
            positions.extend(range(len(prompt), len(prompt) + len(response)))
            # the first response token is predicted at the prompt's last token, wherever that lies
            predict_at.extend([prompt_end, *range(start, start + len(response) - 1)])
            targets.extend(response)
            lengths.append(len(response))
            last_at.append(len(ids) - 1)
        reads.extend(range(prompt_end, len(ids)))
        trees.append((len(prompt), tuple(len(response) for response in responses)))
    return FlatBatch(
        input_ids=torch.tensor([ids]),
        position_ids=torch.tensor([positions]),
        trees=tuple(trees),
        predict_at=torch.tensor(predict_at),
        targets=torch.tensor(targets),
        response_lengths=torch.tensor(lengths),
        last_at=torch.tensor(last_at),
        reads=torch.tensor(reads),
    )
