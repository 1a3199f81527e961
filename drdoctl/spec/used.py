"""Which models and tokenizers a spec uses, as facts; and all that is wrong with what it points at, at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, UserError
from drdoctl.spec.eval_files import read_files
from drdoctl.spec.facts import Facts, ModelFacts, TokenizerFacts
from drdoctl.spec.fits import check_length, check_targets, check_vocabulary
from drdoctl.spec.model import NewModel, Spec
from drdoctl.spec.oracles import RewardModel
from drdoctl.spec.training import Lora

Find = Callable[[], ModelFacts | None]
"""Reads a model's facts; None where it is built on the spot, or starts from the student."""


def student_tokenizer(spec: Spec, facts: Facts) -> TokenizerFacts:
    """Return the student's tokenizer: `student.tokenizer`, else the generated dataset's own, else the model's.

    Raises UserError for a new model that nothing gives a tokenizer.
    """
    if spec.student.tokenizer is not None:
        return facts.tokenizer("student.tokenizer", spec.student.tokenizer)
    model = student_model(spec, facts)
    if model is not None:
        return model.tokenizer
    brought = facts.dataset_tokenizer(spec.data.source)
    if brought is None:
        raise UserError(
            "`student.model`: a new model needs a tokenizer, and this data brings none",
            code="no-tokenizer",
            where=facts.places("student.model"),
            hint="name one with `student.tokenizer: FOLDER`",
        )
    return brought


def student_model(spec: Spec, facts: Facts) -> ModelFacts | None:
    """Return the student's base model, or None where it is built on the spot."""
    student = spec.student
    if not isinstance(student.model, str):
        return None
    return facts.model("student.model", student.model, student.revision, tokenizer=student.tokenizer)


def oracle_model(spec: Spec, facts: Facts) -> ModelFacts | None:
    """Return the oracle's base or finished model, or None where there is no oracle or it starts from the student."""
    return None if spec.oracle is None else _reward_model("oracle", spec.oracle, facts)


def judge_model(spec: Spec, facts: Facts, name: str) -> ModelFacts | None:
    """Return a judge's base or finished model, or None where it starts from the student."""
    return _reward_model(f"judges.{name}", spec.judges[name], facts)


def member_model(spec: Spec, facts: Facts, index: int) -> ModelFacts:
    """Return a finished member of the ensemble. Raises UserError for a student, or one that reads other tokens."""
    key = f"oracle.members.{index}"
    oracle = spec.oracle
    if oracle is None or oracle.members is None:
        raise TypeError("the spec names no members")
    found, own = facts.model(key, oracle.members[index]), oracle_model(spec, facts)
    tokens = own.tokenizer if own is not None else student_tokenizer(spec, facts)
    wrong = (
        f"`{key}`: `{oracle.members[index]}` is a student, not a reward model"
        if not found.finished
        else f"`{key}`: `{oracle.members[index]}` reads other tokens than the oracle `{oracle.model}`"
        if found.tokenizer.identity != tokens.identity
        else None
    )
    if wrong is not None:
        hint = "name oracles of one base model: one as `oracle.model`, all as `oracle.members`"
        raise UserError(wrong, code="conflict", where=facts.places(key), hint=hint)
    return found


def _reward_model(section: str, part: RewardModel, facts: Facts) -> ModelFacts | None:
    if part.model == "sft":
        return None
    return facts.model(f"{section}.model", part.model, part.revision, finished=part.finished)


def check(spec: Spec, facts: Facts) -> list[Fault]:
    """Return all that is wrong with what a spec points at."""
    student = partial(student_model, spec, facts)
    others: dict[str, Find] = {
        section: partial(_reward_model, section, part, facts) for section, part in spec.reward_models
    }
    members = range(len((spec.oracle.members or ()) if spec.oracle is not None else ()))
    models: dict[str, Find] = {"student": student, **others}
    others |= {f"oracle.members.{index}": partial(member_model, spec, facts, index) for index in members}
    adapters = {"student": spec.student.lora, **{section: part.lora for section, part in spec.reward_models}}
    faults: list[Fault] = []
    checks: list[Callable[[], Any]] = [
        partial(_enough_pairs, spec, facts),
        partial(read_files, spec.evaluate, facts),
        partial(_long_enough, "student", student, spec, facts),
        partial(student_tokenizer, spec, facts),
        *(partial(_long_enough, section, model, spec, facts) for section, model in others.items()),
        *(partial(_known_words, section, model, spec, facts) for section, model in models.items()),
        *(partial(_targets, section, adapters[section], model, spec, facts) for section, model in models.items()),
    ]
    for one in checks:
        try:
            one()
        except UserError as error:
            faults.extend(fault for fault in error.faults if fault not in faults)
    return faults


def _enough_pairs(spec: Spec, facts: Facts) -> None:
    """Raise UserError where a step of the split asks for more pairs than the source has."""
    rows = facts.data(spec.data.source).rows
    faults = [
        Fault(
            "too-few-pairs",
            f"split `{step.name}` asks for {step.least:,} pairs, and dataset `{spec.data.source.name}` has {rows:,}",
            facts.places(f"data.split.{index}"),
            f"ask for fewer than {rows:,}, or take more pairs",
        )
        for index, step in enumerate(spec.data.split)
        if rows is not None and step.least > rows
    ]
    if faults:
        raise UserError(faults)


def _long_enough(section: str, find: Find, spec: Spec, facts: Facts) -> None:
    """Raise UserError where a model is not there, or the longest pair is longer than it takes."""
    model = find()
    if model is not None and model.config is not None:
        key, where = f"{section}.model", facts.places("data.max_tokens")
        check_length(model.config, spec.data.max_tokens, key=key, where=where)


def _known_words(section: str, find: Find, spec: Spec, facts: Facts) -> None:
    """Raise UserError where a tokenizer in a folder has tokens that its model has no embedding for."""
    model, other = find(), section == "student" and spec.student.tokenizer is not None
    path = model.tokenizer.location.get("path") if model is not None else None
    if model is None or model.config is None or path is None:
        return
    key = "student.tokenizer" if other else f"{section}.model"
    try:
        words = facts.hashes.file(Path(path, "tokenizer.json")).rows
    except OSError:
        return  # it has a vocabulary in another file
    check_vocabulary(model.config, words, key=key, where=facts.places(key))


def _targets(section: str, lora: Lora | None, find: Find, spec: Spec, facts: Facts) -> None:
    """Raise UserError where an adapter is to sit on a matrix that the architecture does not have."""
    if lora is None:
        return
    model = find()
    config = model.config if model is not None else _student_config(spec, facts)
    if config is not None:
        key = f"{section}.lora.target"
        check_targets(lora.target, config.get("model_type"), key=key, where=facts.places(key))


def _student_config(spec: Spec, facts: Facts) -> Mapping[str, Any] | None:
    if isinstance(spec.student.model, NewModel):
        return new_model_config(spec.student.model, vocabulary=1)
    model = student_model(spec, facts)
    return model.config if model is not None else None


def new_model_config(model: NewModel, vocabulary: int) -> dict[str, Any]:
    """Return the `config.json` that a new model will have, as far as its size goes."""
    mlp = model.mlp_size or 3 * model.hidden_size
    return {
        "model_type": model.model_type,
        "hidden_size": model.hidden_size,
        "num_hidden_layers": model.layers,
        "num_attention_heads": model.heads,
        "intermediate_size": mlp,
        "ffn_dim": mlp,
        "vocab_size": vocabulary,
        "max_position_embeddings": model.max_positions,
        "tie_word_embeddings": model.tied,
    }
