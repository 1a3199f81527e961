"""Rules about `select`: there is something to choose from, and an eval that gives the figure to choose by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from drdoctl.core.errors import Fault
from drdoctl.core.suggest import closest
from drdoctl.evals import Measure, evals
from drdoctl.spec.case import Case
from drdoctl.spec.choice import WHERE, matching, measures
from drdoctl.spec.grid import SEED, Place, differing, places
from drdoctl.spec.model import Spec
from drdoctl.spec.select import Select
from drdoctl.spec.sugar import needs_only_name

KEY = "select"
HELD_OUT = ("validation_fraction", "eval_fraction", "max_eval_rows")
"""Fields of `data` that say on which prompts and pairs a student is tried."""


def choice(cases: Sequence[Case], spec: Spec) -> Iterator[Fault]:
    """`select` needs a matrix, and `over` what differs in it."""
    first, select = cases[0], spec.select
    if select is None:
        yield from first.no_effect("data.validation_fraction", "without `select`: nothing is chosen")
        return
    if not spec.matrix:
        message = "`select` has no effect without `matrix`: there is one student"
        yield first.fault("no-effect", message, KEY, "leave `select` out, or add a `matrix`", key=True)
        return
    yield from _over(cases, spec, select)


def _over(cases: Sequence[Case], spec: Spec, select: Select) -> Iterator[Fault]:
    first, combos = cases[0], [case.combo for case in cases]
    known = [*spec.matrix, *differing(combos)]
    found = places(spec, combos)
    for index, key in enumerate(select.over):
        at = f"{KEY}.over.{index}"
        if key in select.over[:index]:
            yield first.fault("duplicate", f"`select.over` names `{key}` twice", at, "name it once")
        elif key == SEED:
            message = "`select.over` names `seed`: a setting is chosen by its mean over the seeds"
            yield first.fault("conflict", message, at, "leave `seed` out of `over`; it may stay in `matrix`")
        elif key not in known:
            match = closest(key, [one for one in known if one != SEED])
            listed = ", ".join(f"`{one}`" for one in known if one != SEED)
            hint = f"did you mean `{match}`?" if match else f"what differs is: {listed}" if listed else None
            message = f"`{key}` is no key of the matrix, nor do its methods differ in it"
            yield first.fault("unknown-name", message, at, hint)
        elif not any(one.group == two.group and one.values[key] != two.values[key] for one in found for two in found):
            message = f"`{key}` has no effect in `select.over`: no two students differ in it and agree in all else"
            hint = "name together what is chosen together, or leave it out"
            yield first.fault("no-effect", message, at, hint)
        elif any(key in ("data", f"data.{field}") and _differs(field, cases, found) for field in HELD_OUT):
            message = f"`{key}` in `select.over` decides on which prompts a setting is tried: no ground to choose"
            hint = f"leave `{key}` out of `over`; it may stay in `matrix`"
            yield first.fault("conflict", message, at, hint)


def _differs(field: str, cases: Sequence[Case], found: Sequence[Place]) -> bool:
    """Whether two combinations of one group differ in a field of `data`."""
    values: dict[str | None, set[Any]] = {}
    for case, place in zip(cases, found, strict=True):
        values.setdefault(place.group, set()).add(getattr(case.spec.data, field))
    return any(len(each) > 1 for each in values.values())


def figure(cases: Sequence[Case], spec: Spec) -> Iterator[Fault]:
    """Some eval gives the metric, for every student, and it is clear which of its figures is meant."""
    select = spec.select
    if select is None:
        return
    for case in cases:
        faults = list(_about(case, select, measures(case.spec)))
        if faults:
            yield from faults
            return


def _about(case: Case, select: Select, given: Sequence[Measure]) -> Iterator[Fault]:
    same = [measure for measure in given if measure.metric == select.metric]
    if not same:
        yield _unknown(case, select.metric, given)
        return
    wrong = False
    for name in WHERE:
        asked, there = getattr(select, name), list(dict.fromkeys(getattr(measure, name) for measure in same))
        if asked is None or asked in there:
            continue
        wrong = True
        if there == [None]:
            yield from case.no_effect(f"{KEY}.{name}", f"on `{select.metric}`, which has none")
        else:
            message = f"no eval gives `{select.metric}` with `{name}: {_text(asked)}`"
            hint = f"there is {', '.join(f'`{_text(one)}`' for one in there)}"
            yield case.fault("unknown-name", message, f"{KEY}.{name}", hint)
    if not wrong:
        yield from _one(case, select, matching(select, same))


def _one(case: Case, select: Select, found: Sequence[Measure]) -> Iterator[Fault]:
    """Yield a fault where what is asked for is no figure, or several."""
    if not found:
        yield case.fault("unknown-name", f"no eval gives `{select.metric}` with all that `select` asks for", KEY, None)
    for name in WHERE if len(found) > 1 else ():
        values = list(dict.fromkeys(getattr(measure, name) for measure in found))
        if len(values) > 1:
            message = f"the evals give `{select.metric}` {len(values)} times, and `select` does not say which is meant"
            hint = " or ".join(f"`{name}: {_text(value)}`" for value in values)
            yield case.fault("ambiguous", message, f"{KEY}.metric", f"add {hint}")
            return


def _unknown(case: Case, metric: str, given: Sequence[Measure]) -> Fault:
    """Return the fault that no eval of the spec gives a metric: another eval may, or it is written another way."""
    message = f"no eval of the spec gives `{metric}` for every student"
    others = [cls(name=name) for name, cls in evals().items() if needs_only_name(cls)]
    elsewhere = [one for one in others if metric in _metrics(one)]
    source = case.spec.data.source
    names = list(dict.fromkeys(measure.metric for measure in given))
    match = closest(metric, names)
    hint = (
        f"dataset `{source.name}` cannot tell the truth: choose by a figure such as `implicit_accuracy`, of "
        "`pair-accuracy`, or `mean_difference`, of `win-rate` with an independent judge"
        if elsewhere and not source.has_truth and all("truth" in one.judges() for one in elsewhere)
        else f"add `{elsewhere[0].name}` to `evaluate`"
        if elsewhere
        else f"did you mean `{match}`?"
        if match
        else f"there is {', '.join(f'`{name}`' for name in names)}"
        if names
        else "add an eval, such as `evaluate: [pair-accuracy]`; `drdoctl ls evals` shows all"
    )
    return case.fault("unknown-name", message, f"{KEY}.metric", hint)


def _metrics(part: Any) -> set[str]:
    return {measure.metric for measure in part.measures()}


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def chosen_by_teacher(case: Case) -> Iterator[str]:
    """A student is chosen by the word of the oracle that taught it, which may favour other settings than the truth."""
    select, method = case.spec.select, case.spec.method
    if select is None or method is None or not case.oracle_teaches:
        return
    if any(measure.judge == "oracle" for measure in matching(select, measures(case.spec))):
        yield f"judge = teacher: `select` chooses by the oracle that taught `{method.name}`"


WHOLE = (choice, figure)
DOUBTS = (chosen_by_teacher,)
