"""What is said where a model has no positions for a prompt and the response to it."""

import pytest

from drdoctl.core.architectures import Limit
from drdoctl.evals._room import no_room


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
    error = no_room(Limit(64, "its `max_position_embeddings`"), longest, 8, of_data=of_data)
    assert f"up to {longest} tokens and 8 new ones exceed the model's 64 positions" in str(error)
    assert hint in error.faults[0].hint


def test_too_many_new_tokens_for_any_prompt():
    """Shorter prompts would not help then."""
    error = no_room(Limit(64, "its `max_position_embeddings`"), 90, 64, of_data=False)
    assert "`max_new_tokens: 32` or less" in error.faults[0].hint
