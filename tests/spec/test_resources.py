"""The shape of `resources`: what is no number of a machine's is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from drdoctl.spec.resources import Resources


@pytest.mark.parametrize("fields", [{"zero_stage": True}, {"zero_stage": 4}, {"processes": 0}, {"memory_gib": 0.0}])
def test_no_machine_is_like_that(fields):
    """ZeRO has the stages 0 to 3, of which `true` is none, and there is a process and some memory."""
    with pytest.raises(ValidationError):
        Resources(**fields)
