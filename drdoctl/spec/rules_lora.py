"""Rules about adapters: what they cannot sit on, and who could load them."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.adapters import ALL_LINEAR, NF4
from drdoctl.core.errors import Fault
from drdoctl.spec.case import Case
from drdoctl.spec.training import Lora


def adapters(case: Case) -> list[tuple[str, Lora]]:
    """Return (section, settings) of the adapters that this spec trains: the student's and the reward models'."""
    spec = case.spec
    found = [("student.lora", spec.student.lora)]
    found += [(f"{section}.lora", part.lora) for section, part in case.spec.reward_models if not case.finished(part)]
    return [(section, lora) for section, lora in found if lora is not None]


def target(case: Case) -> Iterator[Fault]:
    """`all-linear` stands alone, and no matrix is named twice."""
    for section, lora in adapters(case):
        at = f"{section}.target"
        if ALL_LINEAR in lora.target and len(lora.target) > 1:
            message = f"`{at}` has `{ALL_LINEAR}` beside other names"
            yield case.fault("conflict", message, at, f"`{ALL_LINEAR}` is every matrix: leave the others out")
        elif twice := next((name for name in lora.target if lora.target.count(name) > 1), None):
            yield case.fault("duplicate", f"`{at}` has `{twice}` twice", at, "keep one of them")


def quantized(case: Case) -> Iterator[Fault]:
    """Keep packed 4-bit matrices whole: ZeRO stage 3 would cut them apart from the scales that unpack them."""
    for section, lora in adapters(case):
        if lora.quantize == NF4 and case.spec.resources.zero_stage == 3:
            message = f"`{section}.quantize: {NF4}` cannot be used with ZeRO stage 3, which splits the packed matrices"
            at = "resources.zero_stage"
            hint = "set `resources.zero_stage: 2`: the 4-bit base is small, and the rest is shared"
            yield case.fault("conflict", message, at, hint)


def unmerged(case: Case) -> Iterator[Fault]:
    """Leave an adapter alone only over a base that others can name."""
    spec = case.spec
    why = {
        "new": "is made on the spot",
        "sft": "is this spec's own student",
        "zoo": "comes from the zoo, which may hold it as an adapter itself",
    }
    for section, lora in adapters(case):
        who = section.removesuffix(".lora")
        model = {name: part.model for name, part in case.spec.reward_models}.get(who, spec.student.model)
        kind = case.model_kind(model)
        published = spec.publish is not None and getattr(spec.publish, who, None) is not None
        if lora.merge:
            continue
        if kind in why:
            message = f"`{section}.merge: false` leaves an adapter, and its base `{who}.model` {why[kind]}"
            yield case.fault("conflict", message, f"{section}.merge", "leave `merge` out: a whole model is left")
        elif kind == "folder" and published:
            message = f"`publish.{who}` is an adapter over the local folder `{model}`, which nobody else has"
            hint = f"leave `{section}.merge` out to publish a whole model, or name a Hub id as `{who}.model`"
            yield case.fault("conflict", message, f"publish.{who}", hint)


EACH = (target, quantized, unmerged)
