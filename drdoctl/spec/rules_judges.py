"""Rules about judges: who is named, who is asked, and what they learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drdoctl.core.errors import Fault
from drdoctl.core.suggest import closest
from drdoctl.core.words import LLM, ORACLE, REFERENCE, SAMPLE_COLUMNS, SFT, TRUTH
from drdoctl.spec.case import Case

BUILTIN = (ORACLE, TRUTH)
"""Judges that every spec may ask without naming them."""
TAKEN = (*BUILTIN, *SAMPLE_COLUMNS, REFERENCE, SFT, LLM.rstrip(":"))
"""Names that stand for something else in figures and tables."""


def known(case: Case) -> Iterator[Fault]:
    """An eval asks a judge that there is."""
    for index, one in enumerate(case.spec.evaluate):
        for name in one.judges():
            if name in BUILTIN or name in case.spec.judges:
                continue
            names = [*BUILTIN, *case.spec.judges]
            match = closest(name, names)
            hint = f"did you mean `{match}`?" if match else f"add `judges: {{{name}: {{model: …}}}}` to the spec"
            at = case.nearest(f"evaluate.{index}.judge", f"evaluate.{index}")
            yield case.fault("unknown-name", f"there is no judge `{name}`", at, hint)


def named(case: Case) -> Iterator[Fault]:
    """A judge's name stands for nothing else."""
    for name in case.spec.judges:
        if name in TAKEN:
            message = f"a judge cannot be called `{name}`, which means something else"
            yield case.fault("bad-name", message, f"judges.{name}", "give it another name", key=True)


def rows(case: Case) -> Iterator[Fault]:
    """A judge that is trained here has rows that no teacher saw."""
    spec = case.spec
    for name, judge in spec.judges.items():
        if not case.finished(judge) and spec.data.judge_fraction is None:
            message = f"judge `{name}` is trained here, and no rows are put aside for it"
            hint = "set `data.judge_fraction: 0.3`, or name a finished reward model"
            yield case.fault("missing-rows", message, f"judges.{name}", hint, key=True)


def test_sets(case: Case) -> Iterator[Fault]:
    """Figures on two sets of pairs are told apart by name."""
    seen: set[str] = set()
    for index, one in enumerate(case.spec.evaluate):
        name = one.tried_on()
        if name in seen:
            message = f"two evals have the `test_set` `{name}`: their figures could not be told apart"
            yield case.fault("duplicate", message, f"evaluate.{index}.test_set", "give one of them another name")
        if name is not None:
            seen.add(name)


def used(cases: Sequence[Case]) -> Iterator[Fault]:
    """Every judge is asked by some eval, and rows are put aside only where some judge learns from them."""
    first = cases[0]
    wanted = {name for case in cases for one in case.spec.evaluate for name in one.judges()}
    for name in first.spec.judges:
        if name not in wanted and name not in TAKEN:
            message = f"nothing asks the judge `{name}`"
            hint = f"set `judge: {name}` in an eval, or leave the judge out"
            yield first.fault("no-effect", message, f"judges.{name}", hint, key=True)
    if all(case.finished(judge) for case in cases for judge in case.spec.judges.values()):
        yield from first.no_effect("data.judge_fraction", "where no judge is trained here")


EACH = (known, named, rows, test_sets)
ALL = (used,)
