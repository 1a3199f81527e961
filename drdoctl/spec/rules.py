"""Rules across fields: what needs what is not there, and what would have no effect. Each names a line.

Rules look at one case after another: the spec, or each combination of its matrix.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, Where
from drdoctl.spec import (
    rules_data,
    rules_judges,
    rules_judging,
    rules_lora,
    rules_needs,
    rules_publish,
    rules_sampling,
    rules_select,
    rules_training,
)
from drdoctl.spec.case import Case
from drdoctl.spec.faults import Look
from drdoctl.spec.matrix import combinations
from drdoctl.spec.model import Spec

EACH = (*rules_data.EACH, *rules_training.EACH, *rules_lora.EACH, *rules_needs.EACH, *rules_judges.EACH)
ALL = (*rules_training.ALL, *rules_needs.ALL, *rules_sampling.ALL, *rules_judging.ALL, *rules_judges.ALL)
DOUBTS = (*rules_training.DOUBTS, *rules_needs.DOUBTS, *rules_select.DOUBTS)


def check(spec: Spec, raw: Mapping[str, Any], look: Look, base: Path) -> tuple[list[Fault], tuple[str, ...]]:
    """Return (faults, warnings) of a spec whose fields are valid one by one."""
    if spec.method is None and not any(axis == "method" for axis in spec.matrix):
        where: Where = look(("matrix",), True) if spec.matrix else look((), False)
        hint = "add `method: drdo`; `drdoctl ls methods` shows all"
        return [Fault("missing-field", "`method` is missing", where, hint)], ()
    cases = [Case(combo, raw, look, base) for combo in combinations(spec)]
    faults = [fault for rule in EACH for case in cases for fault in rule(case)]
    faults += [fault for rule in ALL for fault in rule(cases)]
    faults += [fault for rule in (*rules_select.WHOLE, *rules_publish.WHOLE) for fault in rule(cases, spec)]
    warnings = [] if faults else [text for rule in DOUBTS for case in cases for text in rule(case)]
    return faults, tuple(dict.fromkeys(warnings))
