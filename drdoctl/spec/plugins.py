"""The four kinds of plug-ins: what a spec, a message and the command line call them, and their registries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drdoctl.data import datasets
from drdoctl.evals import evals
from drdoctl.methods import methods
from drdoctl.splits import splits

PLUGINS: dict[str, Callable[[], Mapping[str, type[Any]]]] = {
    "method": methods,
    "dataset": datasets,
    "split": splits,
    "eval": evals,
}
"""Kind -> the function that returns its classes by name."""
