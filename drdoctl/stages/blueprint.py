"""Blueprint: one combination of a spec with the facts of what it points at. Each stage's `want` reads from it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from drdoctl.core.adapters import NF4
from drdoctl.core.fingerprint import digest
from drdoctl.evals import Eval
from drdoctl.spec.facts import Facts, ModelFacts, TokenizerFacts
from drdoctl.spec.model import NewModel, Spec
from drdoctl.spec.training import Lora, Training
from drdoctl.spec.used import (
    judge_model,
    member_model,
    new_model_config,
    oracle_model,
    student_model,
    student_tokenizer,
)
from drdoctl.splits import Split
from drdoctl.stages import Want, flatten

ORACLE = "oracle"
PULL_VERSION = 1
STUDENT_MODEL = "student.model"
ORACLE_MODEL = "oracle.model"
How = ParamSpec("How")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Origin:
    """Where a stage's model comes from: an artifact in the store, or something outside it."""

    inputs: Mapping[str, Want] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    externals: Mapping[str, str] = field(default_factory=dict)
    locations: Mapping[str, Any] = field(default_factory=dict)
    size: Mapping[str, Any] = field(default_factory=dict)
    """`config` and `parameters` of the model, as far as known."""


@dataclass(frozen=True)
class Blueprint:
    """What the stages of one combination are made from."""

    spec: Spec
    """`matrix` is empty and `method` is set."""
    facts: Facts
    label: str
    """The combination's label: `drdo`."""
    shared_oracle: bool = False
    """Whether some combination of the matrix uses an oracle: they all share one data stage."""
    matrix: bool = False
    """Whether there are other combinations."""
    of_oracle: tuple[Eval, ...] = ()
    """The evals about reward models; those of `spec.evaluate` are about students."""
    made: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False, compare=False)
    """What `once` remembers."""

    @property
    def seed(self) -> dict[str, int]:
        """Return the setting that every stage reads."""
        return {"seed": self.spec.seed}

    @property
    def divided(self) -> tuple[list[Split], list[Split]]:
        """Return the split's steps before the first that needs the oracle's margins, and those from it on."""
        steps = self.spec.data.split
        at = next((index for index, step in enumerate(steps) if step.needs_oracle), len(steps))
        return steps[:at], steps[at:]

    @property
    def parted(self) -> bool:
        """Whether the spec tells all pairs from those that the student sees: some stages then read all of them."""
        return bool(self.divided[1]) or (self.spec.oracle is not None and self.spec.oracle.pairs == "all")

    def base_student(self) -> Origin:
        """Return the student before SFT."""
        student = self.spec.student
        if isinstance(student.model, NewModel):
            fields = student.model.model_dump(mode="json")
            vocabulary = self.student_tokenizer().vocabulary or 0
            return Origin(
                settings=flatten(fields, STUDENT_MODEL),
                locations={STUDENT_MODEL: {"new": fields}},
                size={"config": new_model_config(student.model, vocabulary)},
            )
        model = student_model(self.spec, self.facts)
        if model is None:
            raise TypeError("a student has a model")
        return self._origin(STUDENT_MODEL, model, "zoo" if student.sft else "")

    def base_oracle(self) -> Origin:
        """Return the oracle's base model, or the finished one; for `oracle.model: sft` nothing, as it is a stage."""
        model = oracle_model(self.spec, self.facts)
        if model is None:
            return Origin()
        return self._origin(ORACLE_MODEL, model, "" if model.finished else "oracle-base")

    def member(self, index: int) -> Want:
        """Return the stage that brings a finished member of the ensemble into the store."""
        return self._pull(ORACLE_MODEL, member_model(self.spec, self.facts, index), f"member-{index}")

    @property
    def oracle_finished(self) -> bool:
        """Whether the oracle is used as it is."""
        model = oracle_model(self.spec, self.facts)
        return model is not None and model.finished

    def base_judge(self, name: str) -> Origin:
        """Return a judge's base model, or the finished one, as an oracle's stage names it; nothing for `sft`."""
        model = judge_model(self.spec, self.facts, name)
        if model is None:
            return Origin()
        return self._origin(ORACLE_MODEL, model, name if model.finished else f"{name}-base")

    def judge_finished(self, name: str) -> bool:
        """Whether a judge is used as it is."""
        model = judge_model(self.spec, self.facts, name)
        return model is not None and model.finished

    def judge_reader(self, name: str) -> str:
        """Return whose token columns a judge reads: `student`, `oracle`, or its own tokenizer's, `judge_1a2b3c4d`."""
        model, oracle = judge_model(self.spec, self.facts, name), self.oracle_tokenizer()
        if model is None or model.tokenizer.identity == self.student_tokenizer().identity:
            return "student"
        if oracle is not None and model.tokenizer.identity == oracle.identity:
            return ORACLE
        return f"judge_{digest(model.tokenizer.identity)[:8]}"

    def student_tokenizer(self) -> TokenizerFacts:
        """Return the student's tokenizer."""
        return student_tokenizer(self.spec, self.facts)

    def oracle_tokenizer(self) -> TokenizerFacts | None:
        """Return the oracle's tokenizer where it is not the student's and some combination uses an oracle."""
        model = oracle_model(self.spec, self.facts)
        if not self.shared_oracle or model is None or model.tokenizer.identity == self.student_tokenizer().identity:
            return None
        return model.tokenizer

    def _origin(self, key: str, model: ModelFacts, label: str) -> Origin:
        size = {"config": model.config, "parameters": model.parameters}
        if model.zoo is not None:
            return Origin(inputs={"policy": self._pull(key, model, label)}, size=size)
        where = {**model.location, "max_tokens": self.spec.data.max_tokens}
        return Origin(externals={key: model.identity}, locations={key: where}, size=size)

    def _pull(self, key: str, model: ModelFacts, label: str) -> Want:
        """Return the stage that brings a model of the zoo into the store."""
        kind = ORACLE if model.zoo and model.zoo["role"] == ORACLE else "sft"
        return Want(
            kind=kind,
            version=PULL_VERSION,
            settings={},
            externals={key: model.identity},
            label=label,
            locations={"zoo": model.zoo},
            sizes={"model": {"config": model.config, "parameters": model.parameters}},
        )


def once(make: Callable[Concatenate[Blueprint, How], Found]) -> Callable[Concatenate[Blueprint, How], Found]:
    """Let a function answer for each blueprint once: stages ask for what they rest on again and again."""
    usual = make.__kwdefaults__ or {}

    @wraps(make)
    def found(bp: Blueprint, /, *args: How.args, **kwargs: How.kwargs) -> Found:
        key = (make, args, tuple(sorted({**usual, **kwargs}.items())))
        if key not in bp.made:
            bp.made[key] = make(bp, *args, **kwargs)
        return cast("Found", bp.made[key])

    return found


def uses_oracle(spec: Spec) -> bool:
    """Whether anything in a combination asks for the oracle: method, judge, held-out pairs, split or publishing."""
    if spec.oracle is None:
        return False
    learns = spec.method is not None and spec.method.oracle_members > 0
    measured = any(ORACLE in one.judges() or one.needs_pairs or one.about == ORACLE for one in spec.evaluate)
    splits = any(step.needs_oracle for step in spec.data.split)
    return learns or measured or splits or (spec.publish is not None and spec.publish.oracle is not None)


def is_pull(want: Want) -> bool:
    """Whether a stage brings a model of the zoo into the store, in place of making one."""
    return want.kind != "publish" and "zoo" in want.locations


def training_settings(prefix: str, training: Training, **changed: Any) -> dict[str, Any]:
    """Return the shared training settings under a prefix, without those that have no effect."""
    fields = {name: getattr(training, name) for name in Training.model_fields}
    if training.max_steps is not None:
        fields["epochs"] = None
    if not training.skip_not_finite:
        fields.pop("skip_not_finite")
    return {f"{prefix}.{name}": value for name, value in (fields | changed).items()}


def lora_settings(who: str, lora: Lora | None) -> dict[str, Any]:
    """Return an adapter's settings as a stage that trains it reads them (`student.lora.rank` …); {} without one."""
    if lora is None:
        return {}
    plain = {"rank": lora.rank, "alpha": lora.alpha, "target": sorted(lora.target), "quantize": lora.quantize}
    return {f"{who}.lora.{name}": value for name, value in plain.items()}


def rounding(who: str, lora: Lora | None) -> dict[str, Any]:
    """Return the setting that a base is rounded to 4 bits before anything is read from it; {} where it is not."""
    return {f"{who}.lora.quantize": NF4} if lora is not None and lora.quantize == NF4 else {}
