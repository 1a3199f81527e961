"""The publish stage: one for each artifact that goes to the zoo; it can be tried again without training anything."""

from __future__ import annotations

import re

from drdoctl.core.files import expand
from drdoctl.core.fingerprint import digest
from drdoctl.stages import Job, Want
from drdoctl.stages import align as align_stage
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages.blueprint import Blueprint, Origin

VERSION = 1


def wants(bp: Blueprint) -> list[Want]:
    """Return the stages that publish the oracle and the combination's student."""
    publish = bp.spec.publish
    if publish is None:
        return []
    found = []
    oracle, student = oracle_stage.want(bp), align_stage.want(bp)
    if publish.oracle is not None and oracle is not None:
        found.append(_want(bp, oracle, publish.oracle, "oracle", bp.base_oracle()))
    if publish.student is not None and student is not None:
        name = _named(publish.student, bp.label) if bp.matrix else publish.student
        label = f"student-{bp.label}" if bp.matrix else "student"
        found.append(_want(bp, student, name, label, bp.base_student()))
    return found


def _want(bp: Blueprint, artifact: Want, name: str, label: str, base: Origin) -> Want:
    publish, location = bp.spec.publish, bp.facts.zoo_location()
    if publish is None:
        raise TypeError("nothing is published without `publish`")
    return Want(
        kind="publish",
        version=VERSION,
        settings={"publish.name": name, "publish.license": publish.license, "publish.private": publish.private},
        inputs={"artifact": artifact},
        externals={"zoo": digest(bp.facts.zoo_written())},
        label=label,
        locations={
            "zoo": location,
            "base": next(iter(base.locations.values()), None),
            **({"sign_key": str(bp.facts.base / expand(publish.sign_key))} if publish.sign_key else {}),
        },
    )


def _named(name: str, label: str) -> str:
    """Return a zoo name with a combination's label at its end, before the tag."""
    bare, at, tag = name.partition("@")
    return f"{bare}-{re.sub(r'[^A-Za-z0-9._-]+', '-', label).strip('-')}{at}{tag}"


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.probe import run as measure
    from drdoctl.train.probe import scorer
    from drdoctl.zoo.publish import run as publish

    publish(job, measure, scorer(str(job.resources.get("device", "auto"))))
