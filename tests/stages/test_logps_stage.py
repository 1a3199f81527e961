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


def test_samples_of_the_start_model_are_drawn_apart(world):
    """`kl_samples` asks for an artifact of samples, as long as the data's limits leave room for; 0 for none."""
    limits = ("data.max_tokens=100", "data.max_prompt_tokens=70")
    wants = {want.id: want for want in world.wants("method={name: p-dpo, kl_samples: 2}", *limits)}
    asked = {"logps.of": "samples", "samples.responses": 2, "samples.max_new_tokens": 30}
    assert wants["logps[samples]"].settings == {**wants["logps"].settings, **asked}
    assert wants["align[p-dpo]"].inputs["samples"] is wants["logps[samples]"]
    assert "logps[samples]" not in {want.id for want in world.wants("method=p-dpo")}
