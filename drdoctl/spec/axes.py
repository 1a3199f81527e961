"""What can be wrong with a matrix: keys that are none, values that do not fit, the same value twice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.core.fingerprint import canonical
from drdoctl.core.suggest import closest
from drdoctl.spec.faults import Look, faults_of
from drdoctl.spec.marks import Key
from drdoctl.spec.matrix import NO_RESULT, combined, picks, place_of
from drdoctl.spec.model import Spec
from drdoctl.spec.overrides import path_of
from drdoctl.spec.spots import SECTIONS, spot_of
from drdoctl.spec.sugar import widen_name, widen_one

MOST = 256


def matrix_faults(raw: Mapping[str, Any], look: Look) -> list[Fault]:
    """Return the faults of `matrix`. What is no list of values is left to the spec's own validation."""
    matrix = raw.get("matrix")
    if not isinstance(matrix, dict):
        return []
    axes = {axis: values for axis, values in matrix.items() if isinstance(values, list) and values}
    faults = [fault for axis in axes for fault in _axis_faults(axis, axes, raw, look)]
    count = math.prod(len(values) for values in axes.values())
    if count > MOST:
        message = f"the matrix has {count:,} combinations, more than {MOST}"
        faults.append(Fault("too-large", message, look(("matrix",), True), "make several specs of it"))
    if not faults:
        own = _without_matrix(raw)
        faults += [fault for pick in picks(axes) for fault in _values_faults(pick, axes, raw, own, look)]
    return list(dict.fromkeys(faults))


def _axis_faults(axis: str, axes: Mapping[str, list[Any]], raw: Mapping[str, Any], look: Look) -> Iterator[Fault]:
    where = look(("matrix", axis), True)
    root = axis.split(".", maxsplit=1)[0]
    if root in NO_RESULT:
        yield Fault(
            "no-effect", f"`{axis}` has no effect in a matrix: it changes no result", where, f"set `{axis}` once"
        )
    elif root not in Spec.model_fields or "" in axis.split("."):
        match = closest(axis, _keys())
        hint = f"did you mean `{match}`?" if match else "the keys are dotted, as for `--set`: `method`, `data.split` …"
        yield Fault("unknown-field", f"`{axis}` is not a key of a spec", where, hint)
    elif axis == "method" and raw.get("method") is not None:
        yield Fault(
            "no-effect",
            "`method` has no effect: `matrix.method` takes its place",
            look(("method",), True),
            "keep one of the two",
        )
    seen: dict[str, int] = {}
    for index, value in enumerate(axes[axis]):
        if axis == "method" and value is None:
            at = look(("matrix", axis, index), False)
            yield Fault(
                "wrong-type", "`matrix.method` must name methods, not be empty", at, "`drdoctl ls methods` shows them"
            )
        text = canonical(_widened(axis, value))
        if text in seen:
            message = f"`matrix.{axis}` has the same value twice: the entries {seen[text] + 1} and {index + 1}"
            yield Fault("duplicate", message, look(("matrix", axis, index), False), "keep one of them")
        seen.setdefault(text, index)


def _widened(axis: str, value: Any) -> Any:
    if axis in ("method", "data.source"):
        return widen_name(value)
    if axis in ("data.split", "evaluate"):
        steps = widen_one(value)
        return [widen_name(step) for step in steps] if isinstance(steps, list) else steps
    return value


def _values_faults(
    pick: Mapping[str, int],
    axes: Mapping[str, list[Any]],
    raw: Mapping[str, Any],
    own: frozenset[tuple[str, Key]],
    look: Look,
) -> Iterator[Fault]:
    """Validate one combination; `own`, what is wrong without the matrix, is left to the spec's own validation.

    A key that an axis does not touch may be wrong beside its value: another method has other options.
    """
    targets = {axis: path_of(axis, {}) for axis in axes}

    def placed(path: Key, key: bool) -> Where:
        for axis, target in targets.items():
            if path == target if key else path == target[: len(path)] and len(path) < len(target):
                return look(("matrix", axis), True)
        return look(place_of(path, pick), key)

    try:
        one = combined(raw, axes, pick)
    except UserError as error:
        message = error.faults[0].message.replace("cannot be set", "has no place in this spec")
        axis = max((axis for axis in axes if message.startswith(f"`{axis}")), key=len, default=next(iter(axes)))
        yield Fault("unknown-field", message, look(("matrix", axis), True))
        return
    try:
        Spec.model_validate(one)
    except ValidationError as error:
        about = [item for item in error.errors() if _concerns(item, one, own, targets.values())]
        if about:
            kept = ValidationError.from_exception_data("Spec", [_detail(item) for item in about])
            yield from faults_of(kept, one, placed)


def _concerns(item: Any, one: Any, own: frozenset[tuple[str, Key]], targets: Iterable[Key]) -> bool:
    path = spot_of(item["loc"], one).path
    return _touches(path, targets) or (item["type"], path) not in own


def _without_matrix(raw: Mapping[str, Any]) -> frozenset[tuple[str, Key]]:
    """Return the kind and the place of whatever is wrong in the spec as it stands, without its matrix."""
    one = {key: value for key, value in raw.items() if key != "matrix"}
    try:
        Spec.model_validate(one)
    except ValidationError as error:
        return frozenset((item["type"], spot_of(item["loc"], one).path) for item in error.errors())
    return frozenset()


def _touches(path: Key, targets: Iterable[Key]) -> bool:
    """Whether an error's place lies at, in or above an axis."""
    return bool(path) and any(path[: len(axis)] == axis or axis[: len(path)] == path for axis in targets)


def _detail(item: Any) -> Any:
    """Return an error's details in the shape that makes an error of them again."""
    return {key: item[key] for key in ("type", "loc", "input", "ctx") if key in item}


def _keys() -> list[str]:
    return [".".join([*map(str, path), name]) for path, cls in SECTIONS.items() for name in cls.model_fields]
