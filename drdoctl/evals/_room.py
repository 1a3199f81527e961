"""Whether a model has positions for a prompt and the response to it."""

from __future__ import annotations

from drdoctl.core.architectures import Limit
from drdoctl.core.errors import UserError


def no_room(limit: Limit, longest: int, new: int, *, of_data: bool) -> UserError:
    """Return the error of prompts of up to `longest` tokens and `new` ones after them.

    `of_data`: they are the data's evaluation prompts, not instructions of an eval's own file.
    """
    room = limit.tokens - longest
    if new >= limit.tokens:
        room = limit.tokens // 2
    shorter = (
        f"lower `data.max_prompt_tokens` to less than {limit.tokens}"
        if of_data
        else "leave the longest instructions out of the file"
    )
    return UserError(
        f"prompts of up to {longest} tokens and {new} new ones exceed the model's {limit.tokens} positions: "
        f"{limit.reason}",
        code="too-long-for-model",
        hint=f"give the evaluation `max_new_tokens: {room}` or less" if room > 0 else shorter,
    )
