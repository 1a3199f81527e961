"""Known sizes are of the datasets and models that the code and the recipes name."""

from __future__ import annotations

from drdoctl.core.architectures import SUPPORTED
from drdoctl.data import datasets
from drdoctl.spec.known import CONFIGS, ROWS


def test_known_models_are_supported():
    """Every known configuration is of a type that can be trained."""
    assert {config["model_type"] for config in CONFIGS.values()} <= set(SUPPORTED)


def test_known_datasets_are_the_adapters():
    """Row counts are of repositories that an adapter reads."""
    read = {cls().hub_dataset()[0] for cls in datasets().values() if getattr(cls, "hub_id", "")}
    assert ROWS.keys() <= read
