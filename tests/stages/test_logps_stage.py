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


def test_mismatched_pairs_are_scored_apart(world):
    """KTO shares the logged pairs' log-probabilities with DPO, and has an artifact of its own for mismatched ones."""
    wants, others = ({want.id: want for want in world.wants(f"method={name}")} for name in ("kto", "dpo"))
    assert {want.id for want in wants.values() if want.kind == "logps"} == {"logps", "logps[mismatched]"}
    assert wants["logps"].fingerprint == others["logps"].fingerprint
    assert wants["logps[mismatched]"].settings == {**wants["logps"].settings, "logps.of": "mismatched"}
    assert wants["align[kto]"].inputs["mismatched"] is wants["logps[mismatched]"]
    assert "logps[mismatched]" not in {want.id for want in world.wants("method={name: kto, reference_point: zero}")}
