"""From a spec and its facts to the stages it wants: inputs first, one for each fingerprint. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from drdoctl.core.errors import Fault, UserError
from drdoctl.core.labels import parts
from drdoctl.spec.facts import Facts
from drdoctl.spec.grid import places
from drdoctl.spec.matrix import Combo, combinations
from drdoctl.spec.model import Spec
from drdoctl.spec.used import check
from drdoctl.stages import KINDS, Want, align, chosen, evaluate, logps, oracle, publish, quality, rewards, sft
from drdoctl.stages import data as data_stage
from drdoctl.stages.blueprint import Blueprint, is_pull, uses_oracle

Named = tuple[str, Want]
"""A combination's label, and a stage it wants."""


def compile(spec: Spec, facts: Facts) -> list[Want]:  # noqa: A001  # the word for it; nothing here compiles Python
    """Return all stages of all combinations, inputs before what needs them. What combinations share is there once.

    Reads files through `facts`, writes nothing. Raises UserError with all that is wrong with what the spec points at.
    """
    combos = combinations(spec)
    faults: list[Fault] = []
    for combo in combos:
        faults.extend(fault for fault in check(combo.spec, facts) if fault not in faults)
    if faults:
        raise UserError(faults)
    shared = any(uses_oracle(combo.spec) for combo in combos)
    blueprints = [_blueprint(combo, facts, shared, len(combos) > 1) for combo in combos]
    asked = [(bp.label, want) for bp in blueprints for want in _stages(bp)]
    cells = list(zip(places(spec, combos), blueprints, strict=True)) if spec.select else []
    chosen.require_one_judge(cells, facts)
    return publish.named_apart(_unique(_by_kind(_each_once(asked, publish.picked(cells)))), facts)


def _blueprint(combo: Combo, facts: Facts, shared: bool, matrix: bool) -> Blueprint:
    """Return a combination's blueprint: its spec keeps the evals about students, the others stand apart."""
    students, oracles = ([one for one in combo.spec.evaluate if one.about == what] for what in ("student", "oracle"))
    spec = combo.spec.model_copy(update={"evaluate": students}) if oracles else combo.spec
    return Blueprint(spec, facts, combo.label, shared, matrix, tuple(oracles))


def _stages(bp: Blueprint) -> Iterator[Want]:
    """Yield what one combination asks for: its ends; what they rest on comes with them."""
    candidates = [
        data_stage.want(bp),
        sft.want(bp),
        oracle.want(bp) if uses_oracle(bp.spec) or bp.of_oracle else None,
        rewards.want(bp),
        logps.want(bp),
        align.want(bp),
        evaluate.baseline(bp) if bp.spec.evaluate else None,
        evaluate.want(bp),
        *quality.wants(bp),
        *publish.wants(bp),
    ]
    yield from (want for want in candidates if want is not None)


def _each_once(asked: Iterable[Named], ends: Iterable[tuple[tuple[str, ...], Want]] = ()) -> list[Named]:
    """Return all stages and what they rest on, the first of each fingerprint, inputs pointing to those.

    `ends` choose among combinations: what such a stage rests on is not asked for by those that are only compared.
    """
    first: dict[str, Named] = {}
    users: dict[str, dict[str, None]] = {}

    def use(label: str, want: Want) -> None:
        by = users.setdefault(want.fingerprint, {})
        if label not in by:
            by[label] = None
            for other in want.inputs.values():
                use(label, other)

    def add(label: str, want: Want) -> Want:
        known = first.get(want.fingerprint)
        if known is not None:
            return known[1]
        inputs = {role: add(label, other) for role, other in want.inputs.items()}
        first[want.fingerprint] = (label, replace(want, inputs=inputs))
        return first[want.fingerprint][1]

    for label, want in asked:
        add(label, want)
        use(label, want)
    for labels, want in ends:
        users.setdefault(want.fingerprint, {}).update(dict.fromkeys(labels))
        add(labels[0], want)
    return [(label, replace(want, asked_by=tuple(users[mark]))) for mark, (label, want) in first.items()]


def _by_kind(found: list[Named]) -> list[Named]:
    """Return the stages in the order of the pipeline, pulled models first and the start model's evaluation early.

    A stage rests on earlier kinds, on pulled models, or on the start model's evaluation; and on any kind of the round
    before it, where a split has scored the pairs first: the order is topological.
    """

    def rank(named: Named) -> tuple[int, int, bool]:
        want = named[1]
        kind = -1 if is_pull(want) else KINDS.index(want.kind)
        return _rounds(want), kind, "baseline" in want.inputs

    return sorted(found, key=rank)


def _rounds(want: Want) -> int:
    """Return how many data stages that rest on rewards lie at or below a stage."""
    below = max(map(_rounds, want.inputs.values()), default=0)
    return below + (want.kind == "data" and data_stage.REWARDS in want.inputs)


def _unique(found: list[Named]) -> list[Want]:
    """Return the stages with ids that tell them apart: those of one name get the combination's label too."""
    ids = [want.id for _, want in found]
    renamed: dict[str, Want] = {}
    for label, want in found:
        inputs = {role: renamed[other.fingerprint] for role, other in want.inputs.items()}
        renamed[want.fingerprint] = replace(want, inputs=inputs, label=_label(want, label, found, ids))
    return list(renamed.values())


def _label(want: Want, combo: str, found: list[Named], ids: list[str]) -> str:
    if ids.count(want.id) == 1:
        return want.label
    clashing = {other.fingerprint: _shared(other) for _, other in found if other.id == want.id}
    told = combo
    # `seed=1`, without the method and without what the stage does not depend on, where that is enough
    for needed in ("=", ""):
        short = {mark: ",".join(part for part in parts if needed in part) for mark, parts in clashing.items()}
        own = short[want.fingerprint]
        if own and list(short.values()).count(own) == 1:
            told = own
            break
    return f"{want.label},{told}" if want.label else told


def _shared(want: Want) -> list[str]:
    """Return what the labels of all combinations that rest on a stage have in common: `["dpo", "seed=1"]`."""
    first, *others = map(parts, want.asked_by)
    return [part for part in first if all(part in other for other in others)]
