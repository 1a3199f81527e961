"""The rewards stage: the oracles' rewards of all pairs, cached once: one column for each oracle."""

from __future__ import annotations

from collections.abc import Sequence

from drdoctl.spec.oracles import Oracle
from drdoctl.stages import Job, Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages.blueprint import Blueprint, Origin, once

VERSION = 1


@once
def want(bp: Blueprint) -> Want | None:
    """Return the rewards that the combination's method learns from, or None where it learns from none."""
    method, oracle = bp.spec.method, bp.spec.oracle
    if method is None or oracle is None or method.oracle_members == 0:
        return None
    read, members = oracle_stage.as_origin(bp), oracle_stage.members(bp)
    if method.ensemble and oracle.members is not None:
        read = Origin(size=read.size)  # finished members need nothing of the oracle's
    return _scored(bp, oracle, data_stage.want(bp), members, method.name if method.ensemble else "", read)


@once
def of_all(bp: Blueprint) -> Want:
    """Return the spec's oracle's rewards of all pairs: what a split goes by whose steps need them."""
    oracle, made, data = bp.spec.oracle, oracle_stage.want(bp), data_stage.whole(bp)
    if oracle is None:
        raise TypeError("a step that needs the oracle is refused in a spec without one")
    return _scored(bp, oracle, data, [made] if made is not None else [], data.label, oracle_stage.as_origin(bp))


def _scored(bp: Blueprint, oracle: Oracle, data: Want, members: Sequence[Want], label: str, read: Origin) -> Want:
    """Return the stage for pairs of `data`; without `members`, the finished oracle outside the store scores them."""
    return Want(
        kind="rewards",
        version=VERSION,
        settings={"oracle.dtype": oracle.dtype, **bp.seed},
        inputs={"data": data, **{f"oracle-{index}": member for index, member in enumerate(members)}},
        externals=read.externals,
        label=label,
        locations=read.locations,
        sizes={"oracle": read.size, "members": max(1, len(members))},
    )


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.rewards import run as score

    score(job)
