"""Whether the local files and folders that a spec names are there. Looks at names only, reads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from drdoctl.core.errors import Fault, UserError
from drdoctl.core.files import expand, kind_at
from drdoctl.spec.case import Case
from drdoctl.spec.load import in_order

if TYPE_CHECKING:
    from drdoctl.spec.load import Loaded
    from drdoctl.spec.matrix import Combo


def absent(loaded: Loaded, combos: Sequence[Combo]) -> list[Fault]:
    """Return a fault for each file or folder that is not there, in the order of the spec."""
    cases = [Case(combo, loaded.raw, loaded.where, loaded.base) for combo in combos]
    return in_order([fault for case in cases for fault in (*_files(case), *_folders(case))])


def _files(case: Case) -> Iterator[Fault]:
    try:
        case.spec.data.source.at(case.base).files()
    except UserError as error:
        for fault in error.faults:
            yield case.fault(fault.code, fault.message, "data.source", fault.hint)


def _folders(case: Case) -> Iterator[Fault]:
    spec = case.spec
    named = {"student.model": spec.student.model, "student.tokenizer": spec.student.tokenizer}
    if spec.oracle is not None:
        named["oracle.model"] = spec.oracle.model
    for key, model in named.items():
        if not isinstance(model, str) or case.model_kind(model) != "folder":
            continue
        if kind_at(case.base / expand(model)) != "folder":
            hint = "paths are relative to the spec's folder; for a Hub id write `ORG/NAME`"
            yield case.fault("no-such-file", f"there is no folder `{model}`", key, hint)
