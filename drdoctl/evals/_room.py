"""Whether a model has positions for a prompt and the response to it."""

from __future__ import annotations

from drdoctl.core.architectures import Limit
from drdoctl.core.errors import UserError


def require_room(limit: Limit | None, longest: int, new: int, *, of_data: bool, name: str = "") -> None:
    """Raise UserError where prompts of up to `longest` tokens and `new` ones after them exceed a model's limit.

    `limit`: None where the model has none. `of_data`: they are the data's evaluation prompts, not instructions of an
    eval's own file. `name`: the eval's, where it is known.
    """
    if limit is None or longest + new <= limit.tokens:
        return
    room = limit.tokens // 2 if new >= limit.tokens else limit.tokens - longest
    shorter = (
        f"lower `data.max_prompt_tokens` to less than {limit.tokens}"
        if of_data
        else "leave the longest instructions out of the file"
    )
    what = f"prompts of up to {longest} tokens and {new} new ones exceed"
    if new >= limit.tokens:
        what = f"{new} new tokens leave no room for a prompt in"
    whose = f"eval `{name}`: " if name else ""
    raise UserError(
        f"{whose}{what} the model's {limit.tokens} positions: {limit.reason}",
        code="too-long-for-model",
        hint=f"give the evaluation `max_new_tokens: {room}` or less" if room > 0 else shorter,
    )
