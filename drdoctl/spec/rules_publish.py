"""Rules about what a spec publishes: in a zoo that lasts, and each artifact under a name of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drdoctl.core.errors import Fault
from drdoctl.spec.case import Case
from drdoctl.spec.grid import groups, places
from drdoctl.spec.model import Spec

OWN_SPEC = "write the values in the matrix so that letters, digits, `.`, `_` and `-` alone tell them apart"


def named(name: str, label: str) -> str:
    """Return a zoo name with what tells its student apart at its end, before the tag."""
    if not label:
        return name
    bare, at, tag = name.partition("@")
    return f"{bare}-{re.sub(r'[^A-Za-z0-9._-]+', '-', label).strip('-')}{at}{tag}"


def bare(name: str) -> str:
    """Return a zoo name without its tag: artifacts under tags of one name are revisions of one another."""
    return name.partition("@")[0]


def clash(name: str, one: str, other: str) -> str:
    """Return what is wrong where two artifacts would go out under one name."""
    return f"{one} and {other} would both go out as `{name}`: a name in a zoo holds one artifact, whatever its tags"


def names_apart(cases: Sequence[Case], spec: Spec) -> Iterator[Fault]:
    """The oracle and each student go out under names of their own."""
    publish = spec.publish
    if publish is None or publish.student is None:
        return
    taken: dict[str, str] = {}
    for label in _labels(cases, spec):
        who, name = f"the student `{label}`" if label else "the student", bare(named(publish.student, label))
        if name in taken:
            yield cases[0].fault("duplicate", clash(name, taken[name], who), "publish.student", OWN_SPEC)
        taken[name] = who
    if publish.oracle is not None and bare(publish.oracle) in taken:
        name = bare(publish.oracle)
        hint = f"give the oracle a name of its own, such as `{name}-oracle`"
        yield cases[0].fault("duplicate", clash(name, taken[name], "the oracle"), "publish.oracle", hint)


def zoo_lasts(cases: Sequence[Case], spec: Spec) -> Iterator[Fault]:
    """What is published is there afterwards: each stage runs in a process of its own, with a memory of its own."""
    if spec.publish is not None and (spec.zoo or "").startswith("memory:"):
        message = f"the zoo `{spec.zoo}` is gone when the publishing process ends"
        yield cases[0].fault("conflict", message, "zoo", "name a folder, a bucket's URL or `hub:ORG`")


def _labels(cases: Sequence[Case], spec: Spec) -> list[str]:
    """Return what the names of the students get at their ends; "" for a single student."""
    if spec.select is not None and spec.matrix:
        cells = list(zip(places(spec, [case.combo for case in cases]), cases, strict=True))
        return [words for words, _, _ in groups(cells)]
    return [case.combo.label for case in cases] if len(cases) > 1 else [""]


WHOLE = (names_apart, zoo_lasts)
