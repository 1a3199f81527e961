"""Whether a model's configuration fits the engine and the data."""

from __future__ import annotations

import pytest

from drdoctl.core.errors import UserError
from drdoctl.spec.fits import check_length, check_type


@pytest.mark.parametrize("config", [{"model_type": "gemma2"}, {}, [], None])
def test_types_that_are_not_supported(config):
    """Another type, or no configuration at all, is refused with what works."""
    with pytest.raises(UserError) as caught:
        check_type(config, "./model", key="oracle.model")
    fault = caught.value.faults[0]
    assert fault.code == "unknown-architecture"
    assert fault.message.startswith("`oracle.model`: ")
    assert "llama" in fault.hint
    check_type({"model_type": "opt"}, "./model", key="oracle.model")


def test_length():
    """As many tokens as the model takes are right, one more is refused; what is no number is left to the reader."""
    config = {"model_type": "llama", "max_position_embeddings": 64}
    check_length(config, 64, key="student.model")
    with pytest.raises(UserError, match=r"`student\.model` takes 64 tokens at most"):
        check_length(config, 65, key="student.model")
    check_length({"max_position_embeddings": "many"}, 65, key="student.model")
    check_length({"max_position_embeddings": 64, "rope_scaling": "odd"}, 64, key="student.model")
