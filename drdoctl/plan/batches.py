"""Batches that are larger than the data: allowed, but each step then takes rows more than once."""

from __future__ import annotations

from collections.abc import Sequence

from drdoctl.plan.estimate import PREFIX
from drdoctl.plan.sizes import Basis, trained_on
from drdoctl.stages import Want
from drdoctl.stages.blueprint import is_pull


def crowded(wants: Sequence[Want], basis: Basis) -> list[str]:
    """Return a warning for each training setting that asks for more rows a step than there are, as far as known."""
    found: dict[str, str] = {}
    for want in wants:
        sizes = basis.sizes(want)
        rows = trained_on(want, sizes) if want.kind in PREFIX and sizes is not None and not is_pull(want) else None
        batch = want.settings[f"{PREFIX[want.kind]}.global_batch"] if rows is not None else 0
        if rows is None or rows.count >= batch:
            continue
        section = f"judges.{want.label}" if "oracle.part" in want.settings else PREFIX[want.kind]
        key = f"{section}.global_batch"
        found.setdefault(
            key,
            f"`{key}` ({batch:,}) is more than there are rows that `{want.id}` learns from (about {rows.count:,}), so "
            f"each step takes some more than once: `--set {key}=N` sets another",
        )
    return list(found.values())
