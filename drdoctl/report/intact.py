"""The files that a report reads are as they were committed: a figure is never left out, or shown wrong, in silence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from drdoctl.core.errors import IntegrityError
from drdoctl.store.manifest import MANIFEST

if TYPE_CHECKING:
    from drdoctl.store.artifact import Store

TABLES = ("samples.parquet", "pairs.parquet", "prompts.parquet")
READ = frozenset({"figures.json", "report.json", "stats.json", "metrics.jsonl", *TABLES})
"""Weights and training rows may be gone, deleted to save space: no figure is made of them."""


def check_intact(store: Store, artifacts: Iterable[str]) -> None:
    """Compare the files that a report reads with their manifests, by sha256, and manifests with their own.

    Raises `IntegrityError` that names every damaged artifact. One that is not made yet has no manifest, and no fault.
    """
    faults = []
    for artifact in artifacts:
        if not (store.path(artifact) / MANIFEST).exists():
            continue
        try:
            store.verify(artifact, names=READ)
        except IntegrityError as error:
            faults += error.faults
    if faults:
        raise IntegrityError(faults)
