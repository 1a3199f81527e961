"""Why a model's type is refused."""

from __future__ import annotations

import pytest

from drdoctl.core.architectures import SUPPORTED
from drdoctl.core.unsupported import (
    ALIBI,
    BOTH_WAYS,
    ENCODER,
    EXPERTS,
    OWN_ATTENTION,
    REASONS,
    STATE,
    UNTRIED,
    WINDOW,
    why_not,
)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "mpt"}, ALIBI),
        ({"model_type": "gemma", "use_bidirectional_attention": True}, BOTH_WAYS),
        ({"model_type": "llama", "is_causal": False}, BOTH_WAYS),
        ({"model_type": "falcon", "alibi": True}, ALIBI),
        ({"model_type": "falcon", "alibi": False}, OWN_ATTENTION),
        ({"model_type": "gemma2"}, WINDOW),
        ({"model_type": "qwen2_moe"}, EXPERTS),
        ({"model_type": "mamba"}, STATE),
        ({"model_type": "t5"}, ENCODER),
        ({"model_type": "gpt2"}, UNTRIED),
        ({}, UNTRIED),
    ],
)
def test_reasons(config, reason):
    """A type is refused with what stands in its way, or with the word that nobody looked."""
    assert why_not(config) == reason


def test_nothing_supported_has_a_reason():
    """A type is supported or refused, never both."""
    assert [why_not({"model_type": kind, "use_bidirectional_attention": False}) for kind in SUPPORTED] == [None] * 9
    assert not set(REASONS) & set(SUPPORTED)


def test_types_are_spelt_as_transformers_spells_them():
    """Each reason stands at the name that a `config.json` holds."""
    auto = pytest.importorskip("transformers.models.auto.configuration_auto")
    assert set(REASONS) <= set(auto.CONFIG_MAPPING_NAMES)
