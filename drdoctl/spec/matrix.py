"""`matrix`: dotted key -> values; one student for each combination. Without a matrix there is one combination."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from drdoctl.spec.marks import Key
from drdoctl.spec.model import Spec
from drdoctl.spec.overrides import path_of, put

METHOD = "method"
NONE = "none"
"""What stands for a method where a spec has none, which is refused."""
NO_RESULT = ("version", "name", "publish", "zoo", "resources", "matrix", "select")
"""Sections that change no result: a matrix over them would make the same student twice."""
EVERY = "all"
"""What a combination is called where nothing that is shown tells it apart."""


@dataclass(frozen=True)
class Combo:
    """One combination of the matrix, as a spec of its own."""

    label: str
    spec: Spec
    """`matrix` is empty and `method` is set."""
    axes: Mapping[str, int] = field(default_factory=dict)
    """Axis -> index of the value taken."""


def combinations(spec: Spec) -> list[Combo]:
    """Return the spec's combinations, the first axis slowest. Labels are unique and say only what differs."""
    if not spec.matrix:
        return [Combo(spec.method.name if spec.method else NONE, spec)]
    raw = spec.model_dump(mode="json", exclude_unset=True)
    taken = picks(spec.matrix)
    specs = [Spec.model_validate(combined(raw, spec.matrix, pick)) for pick in taken]
    labels = unique(names(specs, spec.matrix, taken))
    return [Combo(label, one, pick) for label, one, pick in zip(labels, specs, taken, strict=True)]


def combined(raw: Mapping[str, Any], matrix: Mapping[str, Sequence[Any]], pick: Mapping[str, int]) -> dict[str, Any]:
    """Return plain data with the picked value of each axis in its place, and without the matrix.

    Raises UserError where an axis has no place in the spec.
    """
    one = copy.deepcopy({key: value for key, value in raw.items() if key != "matrix"})
    for axis in sorted(pick, key=lambda axis: axis.count(".")):
        put(one, path_of(axis, one), copy.deepcopy(matrix[axis][pick[axis]]))
    return one


def place_of(path: Key, axes: Mapping[str, int]) -> Key:
    """Return where a path of a combination is written: inside the matrix, where an axis gives it."""
    best: tuple[int, Key] = (0, path)
    for axis, index in axes.items():
        inside = path_of(axis, {})
        if path[: len(inside)] == inside and len(inside) > best[0]:
            best = (len(inside), ("matrix", axis, index, *path[len(inside) :]))
    return best[1]


def picks(matrix: Mapping[str, Sequence[Any]]) -> list[dict[str, int]]:
    """Return every combination as axis -> index, the first axis slowest."""
    indices = itertools.product(*(range(len(values)) for values in matrix.values()))
    return [dict(zip(matrix, one, strict=True)) for one in indices]


def names(
    specs: Sequence[Spec],
    matrix: Mapping[str, Sequence[Any]],
    taken: Sequence[Mapping[str, int]],
    hidden: Sequence[str] = (),
) -> list[str]:
    """Return what tells the combinations apart in few words, keys of `hidden` left out; some may be called alike."""
    methods = _method_labels([one.method for one in specs], hidden)
    shown = [axis for axis, values in matrix.items() if len(values) > 1 and axis.split(".")[0] != METHOD]
    shown = [axis for axis in shown if axis not in hidden]
    short = _short_names(shown)
    labels = []
    for method, pick in zip(methods, taken, strict=True):
        rest = [f"{short[axis]}={value_text(matrix[axis][pick[axis]])}" for axis in shown]
        labels.append(",".join([method, *rest] if METHOD not in hidden else rest) or EVERY)
    return labels


def unique(labels: Sequence[str]) -> list[str]:
    """Return the labels with a number behind each that is there before."""
    return [
        label if labels.count(label) == 1 else f"{label}#{labels[: index + 1].count(label)}"
        for index, label in enumerate(labels)
    ]


def _method_labels(chosen: list[Any], hidden: Sequence[str]) -> list[str]:
    """Return the methods' names, with the parameters in which those of one name differ, where the spec gives them."""
    dumps = [method.model_dump(mode="json", exclude={"name"}) if method else {} for method in chosen]
    labels = []
    for method, dump in zip(chosen, dumps, strict=True):
        if not method:  # a fault by itself; the combinations are looked at all the same
            labels.append(NONE)
            continue
        same = [other for one, other in zip(chosen, dumps, strict=True) if one and one.name == method.name]
        differing = [key for key in dump if any(other.get(key) != dump[key] for other in same)]
        differing += [key for other in same for key in other if key not in dump and key not in differing]
        told = [key for key in differing if key in dump and f"{METHOD}.{key}" not in hidden]
        shown = [f"{key}={value_text(dump[key])}" for key in told if key in method.model_fields_set]
        labels.append(",".join([method.name, *shown]))
    return labels


def _short_names(axes: list[str]) -> dict[str, str]:
    """Return the last words of dotted keys, as few as tell them apart."""
    names = {}
    for axis in axes:
        parts = axis.split(".")
        tails = (".".join(parts[-count:]) for count in range(1, len(parts) + 1))
        names[axis] = next(
            (tail for tail in tails if sum(other.endswith("." + tail) or other == tail for other in axes) == 1), axis
        )
    return names


def value_text(value: Any) -> str:
    """Return a value of an axis in few characters: `0.0003`, `hard(quantile=0.3)`."""
    if isinstance(value, dict) and "name" in value:
        options = ",".join(f"{key}={value_text(item)}" for key, item in value.items() if key != "name")
        return str(value["name"]) + (f"({options})" if options else "")
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
