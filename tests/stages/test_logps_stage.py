"""The logps stage is there where a method needs a reference."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("method", "there"), [("{name: drdo, reference: false}", False), ("dpo", True), ("drdo", True)]
)
def test_only_where_a_reference_is_needed(world, method, there):
    """DRDO alone needs no reference; with `reference: true`, or with DPO, it is cached once from the start model."""
    wants = {want.kind: want for want in world.wants(f"method={method}")}
    assert ("logps" in wants) is there
    if there:
        assert wants["logps"].inputs["policy"].id == "sft"
        assert wants["align"].inputs["logps"] is wants["logps"]
