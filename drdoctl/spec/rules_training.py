"""Rules about training settings, the machine, and the models' revisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import gcd

from drdoctl.core.errors import Fault
from drdoctl.spec.case import Case
from drdoctl.spec.model import NewModel
from drdoctl.spec.training import Training

WHICH = ("model", "revision", "finished", "dtype", "members")
"""What is said of a reward model that is finished, and beside it; all else is about its training."""


def trained(case: Case) -> list[tuple[str, Training]]:
    """Return (section, settings) of everything that this spec trains."""
    spec = case.spec
    found: list[tuple[str, Training]] = [("train", spec.train)]
    if spec.student.sft:
        found.append(("student.sft", spec.student.sft))
    return [*found, *((section, part) for section, part in case.spec.reward_models if not case.finished(part))]


def either_or(case: Case) -> Iterator[Fault]:
    """Options that take each other's place exclude each other."""
    for section, settings in trained(case):
        if settings.max_steps is not None:
            yield from case.no_effect(f"{section}.epochs", f"with `{section}.max_steps`")
        if settings.warmup_steps is not None:
            yield from case.no_effect(f"{section}.warmup_ratio", f"with `{section}.warmup_steps`")


def warm_up(case: Case) -> Iterator[Fault]:
    """Hold that a warm-up ends before the training does."""
    for section, settings in trained(case):
        steps, all_steps = settings.warmup_steps, settings.max_steps
        if steps is not None and all_steps is not None and steps > all_steps:
            message = f"`{section}.warmup_steps` ({steps}) is more than `{section}.max_steps` ({all_steps})"
            yield case.fault(
                "conflict", message, f"{section}.warmup_steps", f"lower it, or give `{section}.warmup_ratio`"
            )


def batch(case: Case) -> Iterator[Fault]:
    """Every process takes the same share of a batch."""
    processes, batches = case.spec.resources.processes, trained(case)
    for section, settings in batches:
        if settings.global_batch % processes:
            message = (
                f"`{section}.global_batch` ({settings.global_batch}) cannot be divided "
                f"among `resources.processes` ({processes})"
            )
            given = f"{section}.global_batch"
            at = case.nearest("resources.processes", given)
            near = max(processes, settings.global_batch // processes * processes)
            shared = gcd(*(other.global_batch for _, other in batches))
            fewer = next(count for count in range(processes, 0, -1) if shared % count == 0)
            hint = f"for instance `resources.processes: {fewer}`, which keeps all artifacts, or `{given}: {near}`"
            yield case.fault("indivisible", message, at, hint)


def offload(case: Case) -> Iterator[Fault]:
    """Offloading is ZeRO's: the optimizer from stage 1 on, parameters with stage 3."""
    resources = case.spec.resources
    if resources.offload == "optimizer" and resources.zero_stage == 0:
        message = "`resources.offload: optimizer` needs ZeRO, and `resources.zero_stage` is 0"
        yield case.fault("conflict", message, "resources.offload", "set `resources.zero_stage: 1`, or more")
    if resources.offload == "all" and resources.zero_stage != 3:
        message = f"`resources.offload: all` needs ZeRO stage 3, and `resources.zero_stage` is {resources.zero_stage}"
        yield case.fault("conflict", message, "resources.offload", "set `resources.zero_stage: 3`")


def activation_offload(case: Case) -> Iterator[Fault]:
    """Activations are in the CPU's memory already where the CPU computes them."""
    if case.spec.resources.device == "cpu":
        yield from case.no_effect("resources.activation_offload", "with `resources.device: cpu`")


def pin_threads(case: Case) -> Iterator[Fault]:
    """Threads are bound where several processes compute on a CPU."""
    resources = case.spec.resources
    if resources.processes == 1:
        yield from case.no_effect("resources.pin_threads", "with one process, which has all cores")
    elif resources.device == "cuda":
        yield from case.no_effect("resources.pin_threads", "with `resources.device: cuda`")


def revisions(case: Case) -> Iterator[Fault]:
    """Only what comes from the Hub has a revision."""
    spec = case.spec
    words = {
        "new": "for a new model",
        "sft": "with `sft`",
        "zoo": "for a zoo name: write `zoo/NAME@REVISION`",
        "folder": "for a local folder",
    }
    kind = case.model_kind(spec.student.model)
    if kind in words:
        yield from case.no_effect("student.revision", words[kind])
    if kind == "sft":
        yield case.fault("conflict", "`student.model` cannot be `sft`: there is no student before it", "student.model")
    for section, part in case.spec.reward_models:
        if (part_kind := case.model_kind(part.model)) in words:
            yield from case.no_effect(f"{section}.revision", words[part_kind])


def new_model(case: Case) -> Iterator[Fault]:
    """Look that a new model has heads that divide its width and a tokenizer from somewhere."""
    student, source = case.spec.student, case.spec.data.source
    model = student.model
    if not isinstance(model, NewModel):
        return
    if model.hidden_size % model.heads:
        message = (
            f"`student.model.heads` ({model.heads}) does not divide `student.model.hidden_size` ({model.hidden_size})"
        )
        at = case.nearest("student.model.heads", "student.model.hidden_size")
        yield case.fault("indivisible", message, at, "choose a width that is a multiple of the heads")
    if student.tokenizer is None and source.tokenizer_json() is None:
        message = f"a new model needs `student.tokenizer`: dataset `{source.name}` does not bring one"
        yield case.fault("missing-field", message, "student", "give a folder or a Hub id with a tokenizer", key=True)


def finished_oracle(case: Case) -> Iterator[Fault]:
    """Take a finished reward model as it is: nothing of its training is decided here."""
    for section, part in case.spec.reward_models:
        if case.model_kind(part.model) in ("sft", "zoo"):
            yield from case.no_effect(f"{section}.finished", f"with `{section}.model: {part.model}`")
        if case.finished(part):
            for name in (name for name in type(part).model_fields if name not in WHICH):
                yield from case.no_effect(f"{section}.{name}", f"with `{part.model}`, a finished reward model")


def method_rates(cases: Sequence[Case]) -> Iterator[Fault]:
    """`train.learning_rate` does nothing where every method brings its own."""
    if all(case.spec.method is not None and case.spec.method.learning_rate is not None for case in cases):
        many = "every method has" if len(cases) > 1 else "the method has"
        yield from cases[0].no_effect("train.learning_rate", f"because {many} a `learning_rate` of its own")


def unpinned(case: Case) -> Iterator[str]:
    """Name models that may move: a branch does, a commit does not."""
    spec = case.spec
    named = [("student", spec.student.model, spec.student.revision)]
    named += [(section, part.model, part.revision) for section, part in case.spec.reward_models]
    for section, model, revision in named:
        if case.model_kind(model) == "hub" and revision is None:
            name = f"`{section}.model` `{model}`"
            yield f"{name} is not pinned: a commit as `{section}.revision` makes the plan exact"


def slow_bf16(case: Case) -> Iterator[str]:
    """bfloat16 is emulated on most CPUs."""
    spec = case.spec
    used = [spec.student.dtype, *(part.dtype for _, part in case.spec.reward_models)]
    if "bf16" in used and spec.resources.device == "cpu":
        yield "`dtype: bf16` with `resources.device: cpu` is slower than fp32 on most CPUs"


EACH = (either_or, warm_up, batch, offload, activation_offload, pin_threads, revisions, new_model, finished_oracle)
ALL = (method_rates,)
DOUBTS = (unpinned, slow_bf16)
