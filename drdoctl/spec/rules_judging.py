"""Rules about evals that ask a language model: its server is described where one is asked, and only there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from drdoctl.core.errors import Fault
from drdoctl.spec.case import Case

KEY = "resources.judge"
EXAMPLE = "resources: {judge: {url: https://api.openai.com/v1, key_env: OPENAI_API_KEY}}"


def judge_named(cases: Sequence[Case]) -> Iterator[Fault]:
    """An eval that asks needs to know where; nothing is sent to anybody that the spec does not name."""
    for case in cases:
        for index, one in enumerate(case.spec.evaluate):
            if one.asks() and case.spec.resources.judge.url is None:
                message = f"eval `{one.name}` asks a language model, and the spec does not say at which server"
                yield case.fault("missing-judge", message, f"evaluate.{index}", f"add `{EXAMPLE}`, or your own server")
                return


def judge_used(cases: Sequence[Case]) -> Iterator[Fault]:
    """A judge's server is described only where an eval asks it."""
    if not any(one.asks() for case in cases for one in case.spec.evaluate):
        yield from cases[0].no_effect(KEY, "without an eval that asks a language model, such as `llm-judge`")


ALL = (judge_named, judge_used)
