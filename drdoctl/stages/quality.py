"""Evaluate stages about reward models: what the oracle, an ensemble's members and each judge are worth on pairs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from drdoctl.evals import OF
from drdoctl.spec.eval_files import plain, read_files
from drdoctl.stages import Want
from drdoctl.stages import data as data_stage
from drdoctl.stages import judges as judge_stages
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages import sft as sft_stage
from drdoctl.stages.blueprint import ORACLE, Blueprint, Origin

VERSION = 1


def wants(bp: Blueprint) -> Iterator[Want]:
    """Yield one evaluation for each reward model that an eval looks at; the members of an ensemble share one."""
    if not bp.of_oracle:
        return
    oracle, method = bp.spec.oracle, bp.spec.method
    if oracle is not None:
        own = oracle_stage.as_origin(bp)
        settings: dict[str, Any] = {"oracle.dtype": oracle.dtype}
        inputs = {f"{ORACLE}-0": want for want in own.inputs.values()}
        yield _want(bp, ORACLE, settings, inputs, own, own.size)
        members = oracle_stage.members(bp)
        learnt = {f"{ORACLE}-{index}": want for index, want in enumerate(members)}
        if learnt and {want.fingerprint for want in members} != {want.fingerprint for want in inputs.values()}:
            label = "members" if method is not None and method.ensemble else oracle_stage.TEACHER
            yield _want(bp, label, settings, learnt, own, own.size)
    for name in judge_stages.asked(bp):
        made, below = judge_stages.want(bp, name), judge_stages.read_with(bp, name) or Origin()
        settings = {"oracle.dtype": bp.spec.judges[name].dtype, "oracle.tokens": bp.judge_reader(name)}
        inputs = {} if made is None else {f"{ORACLE}-0": made}
        yield _want(bp, name, settings, inputs, below, bp.base_judge(name).size or sft_stage.start_model(bp).size)


def _want(
    bp: Blueprint,
    label: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Want],
    outside: Origin,
    size: Mapping[str, Any],
) -> Want:
    files = read_files(bp.of_oracle, bp.facts)
    return Want(
        kind="evaluate",
        version=VERSION,
        settings={OF: ORACLE, "evaluate": plain(bp.of_oracle, files), **settings, **bp.seed},
        inputs={"data": data_stage.whole(bp), **inputs},
        externals={**outside.externals, **{file.key: file.sha256 for file in files}},
        label=label,
        locations={**outside.locations, **{key: at for file in files for key, at in file.location.items()}},
        sizes={"oracle": size, "members": max(1, len(inputs)), "parts": ("eval",)},
    )
