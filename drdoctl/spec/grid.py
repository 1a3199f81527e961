"""Where each combination of a matrix stands: which ones differ in the seed alone, and which ones `select` compares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from drdoctl.core.fingerprint import canonical
from drdoctl.spec.marks import Key
from drdoctl.spec.matrix import METHOD, NO_RESULT, Combo, names, unique
from drdoctl.spec.model import Spec
from drdoctl.spec.overrides import path_of

SEED = "seed"
Thing = TypeVar("Thing")
Cells = list[tuple["Place", Thing]]
"""Combinations with their places in the matrix."""


@dataclass(frozen=True)
class Place:
    """One combination in its matrix."""

    label: str
    """The combination's: `dpo,learning_rate=0.001,seed=1`."""
    seed: int
    setting: str
    """What combinations that differ in the seed alone share: `dpo,learning_rate=0.001`."""
    group: str | None
    """What combinations that `select` compares share: `dpo`. None without `select`."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Key of `select.over` -> the value here."""


def places(spec: Spec, combos: Sequence[Combo]) -> list[Place]:
    """Return the place of each combination, in their order."""
    plain = [combo.spec.model_dump(mode="json", exclude=set(NO_RESULT)) for combo in combos]
    over = tuple(spec.select.over) if spec.select is not None else ()
    settings = _shared(spec, combos, plain, (SEED,))
    groups = _shared(spec, combos, plain, (SEED, *over)) if over else [None] * len(combos)
    return [
        Place(combo.label, combo.spec.seed, setting, group, {key: value_at(one, key) for key in over})
        for combo, one, setting, group in zip(combos, plain, settings, groups, strict=True)
    ]


def groups(cells: Sequence[tuple[Place, Thing]]) -> Iterator[tuple[str, Cells[Thing], Cells[Thing]]]:
    """Yield for each group and seed the words that tell it apart ("" for a single one), its cells, and the group's."""
    seeds = list(dict.fromkeys(place.seed for place, _ in cells))
    names = list(dict.fromkeys(place.group for place, _ in cells))
    for name in names:
        group = [(place, thing) for place, thing in cells if place.group == name]
        for seed in seeds:
            own = [(place, thing) for place, thing in group if place.seed == seed]
            words = [*([str(name)] if len(names) > 1 else []), *([f"seed={seed}"] if len(seeds) > 1 else [])]
            if own:
                yield ",".join(words), own, group


def value_at(plain: Mapping[str, Any], key: str) -> Any:
    """Return the value at a dotted key of a combination's plain spec; None where it has none."""
    current: Any = plain
    part: Any
    for part in path_of(key, {}):
        keys = current if isinstance(current, dict) else range(len(current) if isinstance(current, list) else 0)
        if part not in keys:
            return None
        current = current[part]
    return current


def differing(combos: Sequence[Combo]) -> list[str]:
    """Return the parameters in which methods of one name differ, as `method.beta`."""
    dumps = [combo.spec.method.model_dump(mode="json") for combo in combos if combo.spec.method is not None]
    found: dict[str, None] = {}
    for one in dumps:
        same = [other for other in dumps if other["name"] == one["name"]]
        keys = {key: None for other in same for key in other}
        found |= {f"{METHOD}.{key}": None for key in keys if any(other.get(key) != one.get(key) for other in same)}
    return list(found)


def _shared(
    spec: Spec, combos: Sequence[Combo], plain: Sequence[Mapping[str, Any]], hidden: tuple[str, ...]
) -> list[str]:
    """Return a name for each combination; those that differ in `hidden` keys alone share one, and no others do."""
    told = names([combo.spec for combo in combos], spec.matrix, [combo.axes for combo in combos], hidden)
    paths = [path_of(dotted, {}) for dotted in hidden]
    keys = [canonical(_without(one, paths)) for one in plain]
    first = {key: told[keys.index(key)] for key in dict.fromkeys(keys)}
    known = dict(zip(first, unique(list(first.values())), strict=True))
    return [known[key] for key in keys]


def _without(value: Any, paths: Sequence[Key]) -> Any:
    """Return plain data in which what stands at the paths is left out."""
    if () in paths:
        return None
    below = {path[0]: [rest[1:] for rest in paths if rest[0] == path[0]] for path in paths}
    if isinstance(value, dict):
        kept = {key: _without(item, below.get(key, [])) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None}
    if isinstance(value, list):
        return [_without(item, below.get(index, [])) for index, item in enumerate(value)]
    return value
