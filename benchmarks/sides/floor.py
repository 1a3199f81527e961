"""The floor: what the backbone itself costs in eager torch, with no padding and nothing that preference training adds.

Forward, backward and AdamW over as many tokens as the step has unique ones, cut into dense causal rows of the mean
sequence length (prompt with one response), four rows a micro-batch. The LM head runs on as many states as there are
response tokens. No clipping, no batch building, no logging. Matrix products are torch's own, or those of
`drdoctl.train.products`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks.records import StepClock

ROWS = 4
"""Rows of a micro-batch: the fastest of 1, 2, 4 and 8 on the generated pairs."""


def step_sizes(tokens: list[list[int]]) -> tuple[int, int, int]:
    """Return (unique tokens, response tokens, mean sequence length) of a step.

    `tokens`: prompt, chosen and rejected tokens of each pair.
    """
    unique = sum(map(sum, tokens))
    responses = sum(chosen + rejected for _, chosen, rejected in tokens)
    sequences = [prompt + response for prompt, *answers in tokens for response in answers]
    return unique, responses, round(sum(sequences) / len(sequences))


def micro_batches(unique: int, responses: int, length: int) -> list[tuple[int, int, int]]:
    """Cut a step into (rows, length, states with a head): rows of about `length`, `unique` tokens but for rounding."""
    rows = max(1, round(unique / length))
    each = round(unique / rows)
    sizes = [min(ROWS, rows - at) for at in range(0, rows, ROWS)]
    return [(size, each, round(responses * size / rows)) for size in sizes]


def train(
    model: str,
    rows: str,
    batch: int,
    warmup: int,
    max_tokens: int,
    folder: str,
    threads: int,
    *,
    our_products: bool = False,
) -> dict[str, Any]:
    """Take the steps of the file's pairs and return the record. Tokens are drawn at random: values do not matter."""
    import torch
    from torch.nn import functional as F
    from transformers import AutoModelForCausalLM

    del folder, max_tokens
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    lines = [json.loads(line)["tokens"] for line in Path(rows).read_text(encoding="utf-8").splitlines()]
    steps = [step_sizes(lines[at : at + batch]) for at in range(0, len(lines), batch)]
    lm = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).train()
    if our_products:
        from drdoctl.train.products import use_products

        use_products(lm)
    optimizer = torch.optim.AdamW(lm.parameters(), lr=1e-5, weight_decay=0.0, fused=True)
    clock, losses, done = StepClock(warmup), [], []
    for sizes in steps:
        total = 0.0
        for count, length, states in micro_batches(*sizes):
            ids = torch.randint(3, lm.config.vocab_size, (count, length))
            hidden = lm.base_model(input_ids=ids, use_cache=False).last_hidden_state.flatten(0, 1)[:states]
            logits = lm.get_output_embeddings()(hidden)
            loss = F.cross_entropy(logits.float(), ids.flatten()[:states], reduction="sum") / sizes[1]
            loss.backward()
            total += loss.item()
        optimizer.step()
        optimizer.zero_grad()
        clock.tick()
        losses.append(total)
        done.append(sum(count * length for count, length, _ in micro_batches(*sizes)))
    return clock.record(done, batch, losses)
