"""Rules about who needs what: methods and evals an oracle, judges a truth, publishing something to publish."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from drdoctl.core.errors import Fault
from drdoctl.spec.case import Case
from drdoctl.spec.model import NewModel

REVISION = re.compile(r"[0-9a-f]{40}")
"""The id of a revision in a zoo."""
ADD_ORACLE = "add `oracle: {model: …}`: a base model to train, `sft`, or `zoo/NAME`"


def oracle_needed(case: Case) -> Iterator[Fault]:
    """Methods that distil, judges, and publishing need an oracle."""
    spec = case.spec
    if spec.oracle is not None:
        return
    if spec.method is not None and spec.method.oracle_members:
        message = f"method `{spec.method.name}` needs an oracle, and the spec has none"
        yield case.fault("missing-oracle", message, "method", ADD_ORACLE)
    for index, step in enumerate(spec.data.split):
        if step.needs_oracle:
            message = f"split `{step.name}` goes by the oracle's rewards, and the spec has none"
            yield case.fault("missing-oracle", message, case.step(index), ADD_ORACLE)
    for index, one in enumerate(spec.evaluate):
        if "oracle" in one.judges():
            message = f"eval `{one.name}` is judged by the oracle, and the spec has none"
            yield case.fault("missing-oracle", message, f"evaluate.{index}", ADD_ORACLE)
        if one.about == "oracle" and not spec.judges:
            message = f"eval `{one.name}` measures reward models, and the spec has none"
            yield case.fault("missing-oracle", message, f"evaluate.{index}", ADD_ORACLE)
    if spec.publish is not None and spec.publish.oracle is not None:
        yield case.fault("missing-oracle", "`publish.oracle` has nothing to publish", "publish.oracle", ADD_ORACLE)


def start(case: Case) -> Iterator[Fault]:
    """A reward model that starts from the SFT student needs one."""
    for section, part in case.spec.reward_models:
        if part.model == "sft" and not case.spec.student.sft:
            message = f"`{section}.model` is `sft`, and `student.sft` is `false`"
            hint = "name a base model, or let the student have SFT"
            yield case.fault("conflict", message, f"{section}.model", hint)


def oracle_source(case: Case) -> Iterator[Fault]:
    """An ensemble needs an oracle that is trained here, or all its members; publishing needs a trained one."""
    spec = case.spec
    if spec.oracle is None:
        return
    method, named = spec.method, spec.oracle.members
    if method is not None and method.ensemble and named is not None:
        if len(named) != method.oracle_members:
            message = (
                f"method `{method.name}` has {method.oracle_members} members, and `oracle.members` names {len(named)}"
            )
            yield case.fault("conflict", message, "oracle.members", f"set `members: {len(named)}` in the method")
    elif method is not None and method.ensemble and method.oracle_members > 1 and case.oracle_finished:
        count = method.oracle_members
        message = f"method `{method.name}` trains {count} oracles, and `{spec.oracle.model}` is a finished one"
        hint = "name a base model as `oracle.model`, all finished ones as `oracle.members`, or use `d-dpo`"
        yield case.fault("conflict", message, "method", hint)
    if case.oracle_finished and spec.publish is not None and spec.publish.oracle is not None:
        message = f"`publish.oracle` has nothing to publish: `{spec.oracle.model}` was finished before"
        yield case.fault("conflict", message, "publish.oracle", "leave `publish.oracle` out", key=True)


def oracle_used(cases: Sequence[Case]) -> Iterator[Fault]:
    """An oracle that nothing reads has no place; nor has an SFT weight where only members are trained."""
    first = cases[0]
    if first.spec.oracle is None:
        return
    evals = [one for case in cases for one in case.spec.evaluate]
    judged = any("oracle" in one.judges() or one.about == "oracle" for one in evals)
    published = first.spec.publish is not None and first.spec.publish.oracle is not None
    methods = [case.spec.method for case in cases if case.spec.method is not None]
    taught = [method for method in methods if method.oracle_members]
    needed = any(step.needs_oracle for case in cases for step in case.spec.data.split)
    if not (taught or judged or published or needed):
        names = ", ".join(f"`{name}`" for name in dict.fromkeys(method.name for method in methods))
        message = f"nothing uses the oracle: {names} and the evals do without, and it is not published"
        yield first.fault("no-effect", message, "oracle", "leave `oracle` out", key=True)
    elif not (judged or published or needed) and all(method.ensemble for method in taught):
        why = "where only an ensemble uses the oracle: its members are trained by the plain loss (eq. 2)"
        yield from first.no_effect("oracle.sft_weight", why)


def members_used(cases: Sequence[Case]) -> Iterator[Fault]:
    """Members that are named belong to an ensemble, each once."""
    first = cases[0]
    named = first.spec.oracle.members if first.spec.oracle is not None else None
    if named is None:
        return
    if not any(case.spec.method is not None and case.spec.method.ensemble for case in cases):
        yield from first.no_effect("oracle.members", "without a method that learns from an ensemble, such as `e-dpo`")
    for index, name in enumerate(named):
        if name in named[:index]:
            message = f"`oracle.members` names `{name}` twice"
            yield first.fault("duplicate", message, f"oracle.members.{index}", "name each member once")


def oracle_pairs(cases: Sequence[Case]) -> Iterator[Fault]:
    """All pairs are those of the split where no combination chooses among them, and nobody to train has no pairs."""
    oracle = cases[0].spec.oracle
    if oracle is None or oracle.pairs == "split":
        return
    chosen = [case for case in cases if case.spec.data.max_rows or any(s.name != "all" for s in case.spec.data.split)]
    if not chosen:
        why = "where the student sees all pairs: there is no `data.split` and no `data.max_rows`"
        yield from cases[0].no_effect("oracle.pairs", why)


def truth_needed(case: Case) -> Iterator[Fault]:
    """Only a generated world can tell a response's true reward."""
    source = case.spec.data.source
    for index, one in enumerate(case.spec.evaluate):
        if "truth" in one.judges() and not source.has_truth:
            message = f"eval `{one.name}` is judged by the truth, which dataset `{source.name}` cannot tell"
            at = case.nearest(f"evaluate.{index}.judge", f"evaluate.{index}")
            yield case.fault("missing-truth", message, at, "use `judge: oracle`, or a dataset such as `notes`")


def evals(case: Case) -> Iterator[Fault]:
    """No eval twice, and none that samples beyond the model's room."""
    spec = case.spec
    model = spec.student.model
    for index, one in enumerate(spec.evaluate):
        at = f"evaluate.{index}"
        if one in spec.evaluate[:index]:
            yield case.fault(
                "duplicate", f"eval `{one.name}` is given twice with the same options", at, "keep one of them"
            )
        elif isinstance(model, NewModel):
            longest = max((sampling.max_new_tokens for sampling in one.samplings()), default=0)
            if longest and longest + spec.data.max_prompt_tokens > model.max_positions:
                message = (
                    f"eval `{one.name}` samples {longest} tokens after prompts of up to {spec.data.max_prompt_tokens}, "
                    f"and `student.model` has room for {model.max_positions} positions"
                )
                place = case.nearest(f"{at}.max_new_tokens", at)
                room = model.max_positions - spec.data.max_prompt_tokens
                hint = f"set `max_new_tokens: {room}`" if room > 0 else "lower `data.max_prompt_tokens`"
                yield case.fault("conflict", message, place, hint)


def instructed(case: Case) -> Iterator[Fault]:
    """Answers to instructions leave the prompt some room, and files of one eval do not overwrite each other."""
    spec = case.spec
    taken: dict[str, int] = {}
    for index, one in enumerate(spec.evaluate):
        sampling = one.instructed()
        if sampling is None:
            continue
        at = f"evaluate.{index}"
        source, student = spec.data.source, spec.student
        if isinstance(student.model, NewModel) and student.tokenizer is None and source.tokenizer_json() is not None:
            message = f"eval `{one.name}` asks in English, and the tokenizer of dataset `{source.name}` has other words"
            yield case.fault("conflict", message, at, "give `student.tokenizer`, or leave the eval out")
        other = taken.setdefault(sampling.label, index)
        if other != index and one not in spec.evaluate[:index]:
            message = f"eval `{one.name}` is sampled as `evaluate.{other}` is: both would write `{sampling.label}.json`"
            yield case.fault("conflict", message, at, "give one of them another `temperature`, or a spec of its own")
        model = spec.student.model
        if isinstance(model, NewModel) and sampling.max_new_tokens >= model.max_positions:
            message = (
                f"eval `{one.name}` samples {sampling.max_new_tokens} tokens after each instruction, "
                f"and `student.model` has room for {model.max_positions} positions"
            )
            place = case.nearest(f"{at}.max_new_tokens", at)
            yield case.fault("conflict", message, place, f"set `max_new_tokens: {model.max_positions // 2}`")


def publish(case: Case) -> Iterator[Fault]:
    """Publishing names what goes out; a zoo is named only where something goes in or out."""
    spec = case.spec
    if spec.publish is not None and spec.publish.student is None and spec.publish.oracle is None:
        message = "`publish` names neither `student` nor `oracle`: nothing goes out"
        yield case.fault("no-effect", message, "publish", "add `student: zoo/NAME`, or leave `publish` out", key=True)
    names = [spec.student.model, spec.student.tokenizer, *(part.model for _, part in case.spec.reward_models)]
    reads = any(isinstance(name, str) and name.startswith("zoo/") for name in names)
    yield from _published_tags(case)
    if spec.publish is None and not reads:
        yield from case.no_effect("zoo", "where nothing is read from a zoo or published")
    if spec.publish is not None and spec.zoo is not None and not spec.zoo.startswith("hub:"):
        yield from case.no_effect(
            "publish.private", f"in `{spec.zoo}`: only repositories on the Hub are private or not"
        )


def _published_tags(case: Case) -> Iterator[Fault]:
    for role in ("student", "oracle"):
        name, _, tag = (getattr(case.spec.publish, role, None) or "").partition("@")
        if tag == "main" or REVISION.fullmatch(tag):
            message = (
                f"`{tag}` is no tag: it names {'the newest revision' if tag == 'main' else 'a revision by its id'}"
            )
            yield case.fault("wrong-value", message, f"publish.{role}", f"take another, such as `{name}@v1`")


def judge_is_teacher(case: Case) -> Iterator[str]:
    """A student is judged by the very oracle that taught it, or that gave its pairs their labels."""
    method = case.spec.method
    names = list(dict.fromkeys(f"`{one.name}`" for one in case.spec.evaluate if "oracle" in one.judges()))
    if method is None or not names:
        return
    listed = f"{', '.join(names[:-1])} and {names[-1]} are" if len(names) > 1 else f"{names[0]} is"
    if case.oracle_teaches:
        yield f"judge = teacher: {listed} judged by the oracle that taught `{method.name}`"
    for step in case.spec.data.split:
        if step.relabels:
            yield f"judge = labeller: {listed} judged by the oracle that `{step.name}` relabels the pairs with"


def method_doubts(case: Case) -> Iterator[str]:
    """What the method itself finds doubtful in its options."""
    yield from case.spec.method.doubts() if case.spec.method is not None else ()


EACH = (oracle_needed, start, oracle_source, truth_needed, evals, instructed, publish)
ALL = (oracle_used, members_used, oracle_pairs)
DOUBTS = (judge_is_teacher, method_doubts)
