"""The publish stage: one for each artifact that goes to the zoo; it can be tried again without training anything."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from drdoctl.core.errors import Fault, UserError
from drdoctl.core.files import expand
from drdoctl.core.fingerprint import digest
from drdoctl.core.labels import parts
from drdoctl.spec.facts import Facts
from drdoctl.spec.grid import groups
from drdoctl.spec.rules_publish import bare, clash, named
from drdoctl.stages import Job, Want
from drdoctl.stages import align as align_stage
from drdoctl.stages import oracle as oracle_stage
from drdoctl.stages.blueprint import Blueprint, Origin
from drdoctl.stages.chosen import Cells, candidates, choose

VERSION = 1
NAME = "publish.name"


def wants(bp: Blueprint) -> list[Want]:
    """Return the stages that publish the oracle and the combination's student; one that is picked: `picked`."""
    publish = bp.spec.publish
    if publish is None:
        return []
    found = []
    oracle, student = oracle_stage.want(bp), align_stage.want(bp)
    if publish.oracle is not None and oracle is not None:
        found.append(_want(bp, publish.oracle, "oracle", {"artifact": oracle}, _base(bp.base_oracle())))
    if publish.student is not None and student is not None and bp.spec.select is None:
        name = named(publish.student, bp.label if bp.matrix else "")
        label = f"student-{bp.label}" if bp.matrix else "student"
        found.append(_want(bp, name, label, {"artifact": student}, _base(bp.base_student())))
    return found


def picked(cells: Cells) -> list[tuple[tuple[str, ...], Want]]:
    """Return the stages that publish what `select` picks of each group, with the combinations they choose from."""
    found = []
    for words, own, group in groups(cells):
        publish, first = own[0][1].spec.publish, own[0][1]
        if publish is None or publish.student is None or first.spec.select is None:
            continue
        inputs, settings = candidates(own, group)
        name, label = named(publish.student, words), f"student-{words}" if words else "student"
        want = _want(first, name, label, inputs, {"bases": [_base(bp.base_student())["base"] for _, bp in own]})
        labels = tuple(place.label for place, _ in own)
        found.append((labels, replace(want, settings={**want.settings, **settings})))
    return found


def _base(origin: Origin) -> dict[str, Any]:
    return {"base": next(iter(origin.locations.values()), None)}


def _want(bp: Blueprint, name: str, label: str, inputs: dict[str, Want], bases: dict[str, Any]) -> Want:
    publish, location = bp.spec.publish, bp.facts.zoo_location()
    if publish is None:
        raise TypeError("nothing is published without `publish`")
    return Want(
        kind="publish",
        version=VERSION,
        settings={NAME: name, "publish.license": publish.license, "publish.private": publish.private},
        inputs=inputs,
        externals={"zoo": digest(bp.facts.zoo_written())},
        label=label,
        locations={
            "zoo": location,
            **bases,
            **({"sign_key": str(bp.facts.base / expand(publish.sign_key))} if publish.sign_key else {}),
        },
    )


def named_apart(wants: list[Want], facts: Facts) -> list[Want]:
    """Return all stages of a plan, no two publishing under one name: oracles of a matrix get what tells them apart.

    Raises UserError where a name is none that a zoo takes, or is that of another artifact of the plan, or where the zoo
    would not last, before anything is trained for it.
    """
    from drdoctl.zoo.location import parse_ref, require_lasting

    names = [want.settings[NAME] for want in wants if want.kind == "publish"]
    found, faults, taken = [], [], dict[str, Want]()
    if names:
        require_lasting(facts.zoo_location())
    for want in wants:
        if want.kind == "publish":
            name = str(want.settings[NAME])
            if names.count(name) > 1:
                name = named(name, ",".join(parts(want.label)[1:]))
                want = replace(want, settings={**want.settings, NAME: name})  # noqa: PLW2901
            try:
                parse_ref(name)
            except UserError:
                role = want.label.partition("-")[0].partition(",")[0]
                message = f"`{want.id}` would go out as `{name}`, which is no name in a zoo"
                hint = "take a shorter one, or fewer words in the matrix: names have at most 96 characters"
                faults.append(Fault("zoo-name", message, facts.places(f"publish.{role}"), hint))
            first = taken.setdefault(bare(name), want)
            if first is not want:
                message = clash(bare(name), f"`{first.id}`", f"`{want.id}`")
                hint = "give student and oracle other names, so that no two artifacts share one"
                faults.append(Fault("duplicate", message, facts.places("publish"), hint))
        found.append(want)
    if faults:
        raise UserError(faults)
    return found


def run(job: Job) -> None:
    """Carry the stage out in a child process."""
    from drdoctl.train.probe import run as measure
    from drdoctl.train.probe import scorer
    from drdoctl.zoo.publish import run as publish

    chosen, by = choose(job)
    publish(chosen, measure, scorer(str(job.resources.get("device", "auto"))), by)
