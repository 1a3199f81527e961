"""The files that a report reads are as they were committed: a figure is never left out, or shown wrong, in silence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from drdoctl.core.errors import IntegrityError

if TYPE_CHECKING:
    from drdoctl.store.artifact import Store

TABLES = ("samples.parquet", "pairs.parquet", "prompts.parquet")
READ = frozenset({"figures.json", "report.json", "stats.json", "metrics.jsonl", *TABLES})
"""Weights and training rows may be gone, deleted to save space: no figure is made of them."""


def check_intact(store: Store, artifacts: Iterable[str]) -> None:
    """Compare the files that a report reads with their manifests, by sha256.

    Raises `IntegrityError` that names every damaged artifact.
    """
    faults = []
    for artifact in artifacts:
        try:
            store.verify(artifact, names=READ)
        except IntegrityError as error:
            faults += error.faults
    if faults:
        raise IntegrityError(faults)
