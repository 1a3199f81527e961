"""Which models and tokenizers a spec uses, as facts; and all that is wrong with what it points at, at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from drdoctl.core.errors import Fault, UserError
from drdoctl.spec.eval_files import read_files
from drdoctl.spec.facts import Facts, ModelFacts, TokenizerFacts
from drdoctl.spec.fits import check_length, check_targets
from drdoctl.spec.model import NewModel, Spec
from drdoctl.spec.training import Lora

Config = Callable[[Spec, Facts], Mapping[str, Any] | None]


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
    oracle = spec.oracle
    if oracle is None or oracle.model == "sft":
        return None
    return facts.model("oracle.model", oracle.model, oracle.revision, finished=oracle.finished)


def judge_model(spec: Spec, facts: Facts, name: str) -> ModelFacts | None:
    """Return a judge's base or finished model, or None where it starts from the student."""
    judge = spec.judges[name]
    if judge.model == "sft":
        return None
    return facts.model(f"judges.{name}.model", judge.model, judge.revision, finished=judge.finished)


def check(spec: Spec, facts: Facts) -> list[Fault]:
    """Return all that is wrong with what a spec points at."""
    faults: list[Fault] = []
    checks: list[Callable[[], Any]] = [
        lambda: _enough_pairs(spec, facts),
        lambda: read_files(spec.evaluate, facts),
        lambda: _fits("student.model", student_model(spec, facts), spec, facts),
        lambda: student_tokenizer(spec, facts),
        lambda: _fits("oracle.model", oracle_model(spec, facts), spec, facts),
        lambda: _targets("student", spec.student.lora, _student_config, spec, facts),
        lambda: _targets("oracle", spec.oracle.lora if spec.oracle else None, _oracle_config, spec, facts),
        *(partial(_judge_fits, name, spec, facts) for name in spec.judges),
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


def _fits(key: str, model: ModelFacts | None, spec: Spec, facts: Facts) -> None:
    """Raise UserError where the longest pair is longer than the model takes."""
    if model is not None and model.config is not None:
        check_length(model.config, spec.data.max_tokens, key=key, where=facts.places("data.max_tokens"))


def _judge_fits(name: str, spec: Spec, facts: Facts) -> None:
    """Raise UserError where a judge's model is not there or does not fit the pairs or its adapter."""
    key, model = f"judges.{name}", judge_model(spec, facts, name)
    _fits(f"{key}.model", model, spec, facts)

    def config(*_: Any) -> Mapping[str, Any] | None:
        return model.config if model is not None else _student_config(spec, facts)

    _targets(key, spec.judges[name].lora, config, spec, facts)


def _student_config(spec: Spec, facts: Facts) -> Mapping[str, Any] | None:
    if isinstance(spec.student.model, NewModel):
        return new_model_config(spec.student.model, vocabulary=1)
    model = student_model(spec, facts)
    return model.config if model is not None else None


def _oracle_config(spec: Spec, facts: Facts) -> Mapping[str, Any] | None:
    model = oracle_model(spec, facts)
    return model.config if model is not None else _student_config(spec, facts)


def _targets(who: str, lora: Lora | None, config_of: Config, spec: Spec, facts: Facts) -> None:
    """Raise UserError where an adapter is to sit on a matrix that the architecture does not have."""
    config = config_of(spec, facts) if lora is not None else None
    if lora is not None and config is not None:
        key = f"{who}.lora.target"
        check_targets(lora.target, config.get("model_type"), key=key, where=facts.places(key))


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
