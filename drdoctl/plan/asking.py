"""What a language model that judges will be asked: requests, tokens and money, all of them estimates.

A question holds the prompt and the responses once each, and its own words; an answer is a sentence or two. Replies that
the store has already cost nothing, but which those are is not known before the responses are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drdoctl.plan.sizes import Rows
from drdoctl.stages import Want

MILLION = 1e6


def asked(want: Want, prompts: Rows | None, resources: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return `models`, `requests`, `tokens_in`, `tokens_out`, and `cost` with a price; None where nothing is asked."""
    questions = want.sizes.get("questions") or []
    if not questions or prompts is None:
        return None
    requests, tokens_in, tokens_out = 0, 0.0, 0.0
    for one in questions:
        sampling = one["sampling"]
        count = min(sampling["prompts"] or prompts.count, prompts.count) * one["requests"]
        wrote = min(sampling["max_new_tokens"], prompts.chosen or sampling["max_new_tokens"])
        requests += count
        tokens_in += count * (one["fixed_tokens"] + prompts.prompt + one["responses"] * wrote)
        tokens_out += count * one["answer_tokens"]
    found: dict[str, Any] = {
        "models": sorted({one["model"] for one in questions}),
        "requests": requests,
        "tokens_in": round(tokens_in),
        "tokens_out": round(tokens_out),
    }
    price = resources["judge"]["price_per_million_tokens"]
    if price is not None:
        found["cost"] = round((tokens_in * price["input"] + tokens_out * price["output"]) / MILLION, 4)
    return found
