"""Sample responses, many rows at once: a row that is done leaves its place to the next prompt (continuous batching).

Every row draws from its own stream of uniform numbers (`draws`), so its response does not depend on the rows
beside it, but for rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from drdoctl.train.cache import PlaceCache, batch_rows
from drdoctl.train.decoding import BLOCK, seen_by
from drdoctl.train.decoding import NAME as PLACES
from drdoctl.train.draws import pick, uniforms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

IDLE_SHARE = 8
"""Places change hands once more than 1/8 of the rows are done: moving the others up is not free, nor is one prompt."""
PROMPTS, PROMPT_TOKENS = 8, 2048
"""Most prompts, and most tokens with their padding, in one pass."""


@dataclass(frozen=True)
class SampledResponse:
    """The sampled tokens, the end token included where it came (`ended`)."""

    ids: list[int]
    ended: bool


@dataclass(frozen=True)
class Rules:
    """How tokens are drawn, and when a response is over."""

    temperature: float
    top_p: float
    limit: int
    """Tokens that a response has at most."""
    ends: Tensor
    pad: int


def _left_padded(prompts: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return token ids and mask, each of shape (N, longest prompt)."""
    width = max(map(len, prompts))
    ids = np.full((len(prompts), width), pad_id, dtype=np.int64)
    mask = np.zeros((len(prompts), width), dtype=np.int64)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = prompt
        mask[row, width - len(prompt) :] = 1
    return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)


def _together(prompts: Sequence[Sequence[int]]) -> int:
    """Return how many of these prompts, from the first on, share a pass."""
    count, longest = 0, 0
    for prompt in prompts[:PROMPTS]:
        longest = max(longest, len(prompt))
        if count and (count + 1) * longest > PROMPT_TOKENS:
            break
        count += 1
    return count


class _Places:
    """The rows that are sampled now, and all responses. Tensors have shapes (rows,) and (prompts, ...)."""

    def __init__(self, model: Any, prompts: Sequence[Sequence[int]], seeds: Sequence[int], rules: Rules) -> None:
        self.model, self.prompts, self.rules = model, prompts, rules
        device, room = model.device, max(map(len, prompts)) + rules.limit
        self.most = min(len(prompts), batch_rows(model.config, room, device))
        self.cache = PlaceCache(self.most, room)
        self.draws = torch.from_numpy(uniforms(seeds, rules.limit)).to(device)
        self.made = torch.full((len(prompts), rules.limit), rules.pad, dtype=torch.int64, device=device)
        self.lengths = torch.zeros(len(prompts), dtype=torch.int64, device=device)
        self.ended = torch.zeros(len(prompts), dtype=torch.bool, device=device)
        self.row, self.last, self.at = (torch.zeros(0, dtype=torch.int64, device=device) for _ in range(3))
        """Of each row: its prompt, its last token and that token's position."""
        self.alive = torch.zeros(0, dtype=torch.bool, device=device)
        self.living = self.begun = self.drawn = 0

    def done(self) -> int:
        """Return the tokens of all responses so far; one that is over counts as if it had reached the limit."""
        growing = self.row[self.alive]
        return (self.begun - self.living) * self.rules.limit + int(self.lengths[growing].sum())

    def go_on(self) -> bool:
        """Run the model once, over some prompts or for a token of every row; return False where all is done."""
        if (len(self.row) - self.living) * IDLE_SHARE > len(self.row):
            self._close_up()
        if self.begun < len(self.prompts) and len(self.row) < self.most:
            self._admit()
        elif self.living:
            self._step()
        else:
            return False
        return True

    def _close_up(self) -> None:
        """Give up the places of rows that are done. The others stay in their order."""
        keep = self.alive.nonzero()[:, 0]
        self.row, self.last, self.at, self.alive = (old[keep] for old in (self.row, self.last, self.at, self.alive))
        if len(keep):
            self.cache.keep(keep, int(self.at.max()))

    def _admit(self) -> None:
        first, prompts = len(self.row), self.prompts[self.begun : self.begun + self.most - len(self.row)]
        prompts = prompts[: _together(prompts)]
        cache = DynamicCache()  # whole rows, also where layers have windows
        ids, mask = _left_padded(prompts, self.rules.pad, self.model.device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        logits = self._logits(ids, mask, positions, cache)
        self.cache.fill(first, cache, [len(prompt) for prompt in prompts])
        rows = torch.arange(self.begun, self.begun + len(prompts), device=ids.device)
        self.begun += len(prompts)
        self.row, self.alive = torch.cat((self.row, rows)), torch.cat((self.alive, mask[:, -1] > 0))
        self.last, self.at = torch.cat((self.last, rows)), torch.cat((self.at, mask.sum(1)))
        self._draw(torch.arange(first, len(self.row), device=ids.device), logits)

    def _step(self) -> None:
        """Draw the next token of every living row."""
        # one copy to the CPU for all blocks: each makes the host wait for the device
        widths = [int(part.max()) + 1 for part in self.at.cpu().split(BLOCK)]
        self.cache.step_at(self.at, max(widths))
        seen = seen_by(self.at, max(widths), self.model.config)
        logits = self._logits(self.last[:, None], seen, self.at[:, None], self.cache, widths=widths)
        self.at += 1
        rows = self.alive.nonzero()[:, 0]
        self._draw(rows, logits if len(rows) == len(logits) else logits[rows])

    def _logits(self, ids: Tensor, seen: Any, positions: Tensor, cache: Any, **more: Any) -> Tensor:
        return self.model(
            input_ids=ids, attention_mask=seen, position_ids=positions, past_key_values=cache, use_cache=True,
            logits_to_keep=1, **more,
        ).logits[:, -1]  # fmt: skip

    def _draw(self, rows: Tensor, logits: Tensor) -> None:
        of, rules = self.row[rows], self.rules
        step = self.lengths[of]
        tokens = pick(logits, rules.temperature, rules.top_p, self.draws[of, step])
        self.made[of, step], self.lengths[of], self.last[rows] = tokens, step + 1, tokens
        self.ended[of] = torch.isin(tokens, rules.ends)
        self.alive[rows] = ~self.ended[of] & (step + 1 < rules.limit)
        self.at *= self.alive  # what is done does not widen what the others attend to
        self.living, self.drawn = int(self.alive.sum()), len(rows)

    def responses(self) -> list[SampledResponse]:
        """Return all responses, in the order of their prompts."""
        made, lengths, ended = self.made.cpu().tolist(), self.lengths.cpu().tolist(), self.ended.cpu().tolist()
        return [SampledResponse(row[:size], end) for row, size, end in zip(made, lengths, ended, strict=True)]


@torch.inference_mode()
def sample(
    model: Any,
    prompts: Sequence[Sequence[int]],
    *,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    eos_ids: Sequence[int],
    seeds: Sequence[int],
    pad_id: int,
    between: Callable[[int, int], None] | None = None,
) -> list[SampledResponse]:
    """Sample one response to every prompt (token ids), in the order given.

    `model` is a transformers causal LM; `seeds` holds one 64-bit seed a prompt (`row_seed`). The longest prompts should
    come first: that saves padding. `between` is called after every pass of the model and may raise; it gets the tokens
    done, of len(prompts) * max_new_tokens (what a response does not use counts as soon as it is over), and those drawn
    in this pass.
    """
    if any(not prompt for prompt in prompts):
        raise ValueError("a prompt without tokens cannot be continued")
    if not prompts:
        return []
    was_training, attention = model.training, model.config._attn_implementation  # noqa: SLF001  # no other way to ask
    ends = torch.tensor(sorted(eos_ids), dtype=torch.int64, device=model.device)
    places = _Places(model, prompts, seeds, Rules(temperature, top_p, max_new_tokens, ends, pad_id))
    try:
        model.eval()
        model.set_attn_implementation(PLACES)
        while places.go_on():
            if between:
                between(places.done(), places.drawn)
    finally:
        model.set_attn_implementation(attention)
        model.train(was_training)
    return places.responses()
