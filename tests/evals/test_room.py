"""What is said where a model has no positions for a prompt and the response to it."""

import pytest

from drdoctl.core.architectures import Limit
from drdoctl.core.errors import UserError
from drdoctl.evals._room import require_room

LIMIT = Limit(64, "its `max_position_embeddings`")


@pytest.mark.parametrize(
    ("longest", "of_data", "hint"),
    [
        (60, True, "`max_new_tokens: 4` or less"),
        (60, False, "`max_new_tokens: 4` or less"),
        (64, True, "`data.max_prompt_tokens` to less than 64"),
        (64, False, "out of the file"),
    ],
)
def test_the_hint_is_one_that_helps(longest, of_data, hint):
    """Fewer new tokens where that is enough, else shorter prompts."""
    with pytest.raises(UserError, match=f"up to {longest} tokens and 8 new ones exceed") as caught:
        require_room(LIMIT, longest, 8, of_data=of_data)
    assert hint in caught.value.faults[0].hint


def test_what_fits_is_let_through():
    """Up to the last position; and a model without a limit takes all."""
    require_room(LIMIT, 56, 8, of_data=True)
    require_room(None, 10_000, 8, of_data=True)


def test_too_many_new_tokens_for_any_prompt():
    """Shorter prompts would not help then."""
    with pytest.raises(UserError) as caught:
        require_room(LIMIT, 90, 64, of_data=False)
    assert "`max_new_tokens: 32` or less" in caught.value.faults[0].hint
