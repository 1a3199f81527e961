"""Sampling: drdoctl's sampler, and transformers' `generate` in sorted batches, on responses of the same forced lengths.

A random model never ends. Here every token says how many are still to come (its id modulo `STATES`), and only tokens
that say one fewer are allowed next; the end token follows the last. Both sides run the same forced model, so a row has
the same length on both, and its next token is still drawn from many.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.records import now, since

STATES = 256
"""Longest response plus one."""
TEMPERATURE, TOP_P = 0.9, 0.8
BATCH = 16
"""Rows that `generate` gets at once: on one core, 64 took more than twice as long."""


def with_length(prompt: list[int], length: int) -> list[int]:
    """Return the prompt with its last token saying that `length` tokens, the end token included, are to come."""
    if not 1 < length < STATES:
        raise ValueError(f"{length} tokens cannot be forced")
    return [*prompt[:-1], STATES + length]


def classes(vocabulary: int, special: list[int], end: int) -> Any:
    """Return how many tokens follow each token, shape (vocabulary,): 0 for the end token, -1 where it may not come."""
    import torch

    following = torch.arange(vocabulary) % STATES
    following[following == 0] = -1
    following[torch.tensor(special)] = -1
    following[end] = 0
    return following


def force(lm: Any, special: list[int], end: int) -> None:
    """Make a causal LM count down: hooks on embedding and head, so that any loop round them is held to it."""
    following = classes(lm.config.vocab_size, special, end)
    last: list[Any] = [None]

    def remember(_: Any, given: tuple[Any, ...]) -> None:
        last[0] = given[0][:, -1]

    def forbid(_: Any, __: Any, logits: Any) -> Any:
        return logits.masked_fill(following != (last[0] % STATES - 1)[:, None, None], float("-inf"))

    lm.get_input_embeddings().register_forward_pre_hook(remember)
    lm.get_output_embeddings().register_forward_hook(forbid)


def _read(file: str) -> tuple[list[list[int]], list[int], list[int], int]:
    told = json.loads(Path(file).read_text(encoding="utf-8"))
    prompts = [with_length(*pair) for pair in zip(told["prompts"], told["lengths"], strict=True)]
    return prompts, told["lengths"], told["special"], told["end"]


def _record(begun: tuple[float, float], found: list[int], wanted: list[int]) -> dict[str, Any]:
    spent = since(begun)
    if found != wanted:
        raise ValueError(f"responses have {found} tokens, not the {wanted} that were forced")
    return {**spent, "pairs": len(found), "tokens": sum(found)}


def ours(model: str, prompts: str, folder: str, threads: int) -> dict[str, Any]:
    """Sample as the evaluate stage does."""
    import torch

    from drdoctl.stages import Job
    from drdoctl.train.models import load_policy
    from drdoctl.train.responses import Sampler, Way
    from drdoctl.train.runtime import World

    torch.set_num_threads(threads)
    lm = load_policy(model).lm.eval()
    lm.set_attn_implementation("sdpa")
    rows, lengths, special, end = _read(prompts)
    force(lm, special, end)

    def sample(prompts: list[list[int]], out: str) -> list[int]:
        Path(folder, out).mkdir()
        job = Job("evaluate", "", "", {"seed": 0}, {}, {}, {}, str(Path(folder, out)))
        sampler = Sampler(job, World(0, 1, torch.device("cpu")), prompts, [str(at) for at in range(len(prompts))])
        way = Way(TEMPERATURE, TOP_P, STATES, len(prompts))
        return [len(response.ids) for response in sampler.run(lm, [way], [end], "fp32")[way.label]]

    sample([with_length(rows[0], 2)], "first")  # what is loaded once a process
    begun = now()
    return _record(begun, sample(rows, "all"), lengths)


def generate(model: str, prompts: str, folder: str, threads: int) -> dict[str, Any]:
    """Sample by `generate`: left-padded batches of `BATCH` prompts of like length."""
    import torch
    from transformers import AutoModelForCausalLM

    del folder
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    lm = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    rows, lengths, special, end = _read(prompts)
    force(lm, special, end)

    def sample(prompts: list[list[int]]) -> list[int]:
        found = [0] * len(prompts)
        order = sorted(range(len(prompts)), key=lambda at: len(prompts[at]))
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            width = max(len(prompts[at]) for at in batch)
            gaps = [width - len(prompts[at]) for at in batch]
            ids = torch.tensor([[0] * gap + prompts[at] for gap, at in zip(gaps, batch, strict=True)])
            mask = torch.tensor([[0] * gap + [1] * (width - gap) for gap in gaps])
            with torch.inference_mode():
                out = lm.generate(
                    input_ids=ids, attention_mask=mask, do_sample=True, temperature=TEMPERATURE, top_p=TOP_P, top_k=0,
                    max_new_tokens=STATES, eos_token_id=end, pad_token_id=0,
                )  # fmt: skip
            for at, row in zip(batch, out[:, width:].tolist(), strict=True):
                found[at] = row.index(end) + 1 if end in row else len(row)
        return found

    sample([with_length(rows[0], 2)])  # what is loaded once a process
    begun = now()
    return _record(begun, sample(rows), lengths)
