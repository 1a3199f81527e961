"""Whether the local files and folders that a spec names are there, and its models of a kind and length that fit.

Reads no more than the folders' `config.json`, and those in the Hub's local cache.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from drdoctl.core.errors import Fault, UserError
from drdoctl.core.files import expand, kind_at
from drdoctl.data._instructions import read_instructions
from drdoctl.spec.case import Case
from drdoctl.spec.eval_files import flaws, named
from drdoctl.spec.fits import (
    check_length,
    check_numbers,
    check_targets,
    check_type,
    check_vocabulary,
    config_at,
)
from drdoctl.spec.hub import HubRefs, cached_config
from drdoctl.spec.known import CONFIGS
from drdoctl.spec.load import in_order
from drdoctl.spec.model import NewModel
from drdoctl.spec.rules_lora import adapters
from drdoctl.spec.vocabulary import words_of

if TYPE_CHECKING:
    from drdoctl.spec.load import Loaded
    from drdoctl.spec.matrix import Combo


def absent(loaded: Loaded, combos: Sequence[Combo]) -> list[Fault]:
    """Return a fault for each file or folder that is not there, in the order of the spec."""
    cases = [Case(combo, loaded.raw, loaded.where, loaded.base) for combo in combos]
    return in_order([*(fault for case in cases for fault in _all(case)), *_instructions(cases)])


def _all(case: Case) -> Iterator[Fault]:
    yield from (*_files(case), *_folders(case), *_models(case), *_targets(case))


def _files(case: Case) -> Iterator[Fault]:
    try:
        case.spec.data.source.at(case.base).files()
    except UserError as error:
        for fault in error.faults:
            yield case.fault(fault.code, fault.message, "data.source", fault.hint)
    for index, option, name in named(case.spec.evaluate):
        if kind_at(case.base / expand(name)) != "file":
            hint = "give the right path; it is taken relative to the spec's folder"
            yield case.fault("no-such-file", f"there is no file `{name}`", f"evaluate.{index}.{option}", hint)
            continue
        for flaw, hint in flaws(case.spec.evaluate[index], option, name, case.base / expand(name)):
            yield case.fault("bad-file", flaw, f"evaluate.{index}.{option}", hint)


def _instructions(cases: Sequence[Case]) -> Iterator[Fault]:
    """Instructions are read here already, each file once: the evaluation, which needs them, comes last."""
    asked = [one for case in cases for one in case.spec.evaluate if one.instructed() is not None]
    base = cases[0].base
    for name in dict.fromkeys(str(expand(one.files()["instructions"])) for one in asked):
        if kind_at(base / name) == "file":
            try:
                read_instructions(name, base)
            except UserError as error:
                yield from error.faults


def _folders(case: Case) -> Iterator[Fault]:
    spec = case.spec
    named = {"student.model": spec.student.model, "student.tokenizer": spec.student.tokenizer}
    named |= {f"{section}.model": part.model for section, part in case.spec.reward_models}
    for key, model in named.items():
        if not isinstance(model, str) or case.model_kind(model) != "folder":
            continue
        if kind_at(case.base / expand(model)) != "folder":
            hint = "paths are relative to the spec's folder; for a Hub id write `ORG/NAME`"
            yield case.fault("no-such-file", f"there is no folder `{model}`", key, hint)


def _models(case: Case) -> Iterator[Fault]:
    spec = case.spec
    named = [("student", spec.student.model), *((section, part.model) for section, part in case.spec.reward_models)]
    for section, model in named:
        key = f"{section}.model"
        if not isinstance(model, str) or case.model_kind(model) != "folder":
            continue
        file = case.base / expand(model) / "config.json"
        try:
            config = config_at(file, key=key, where=case.where(key))
            check_type(config, model, key=key, where=case.where(key))
            check_numbers(config, file, key=key)
            check_length(config, spec.data.max_tokens, key=key, where=case.where("data.max_tokens"))
            other = spec.student.tokenizer if section == "student" else None
            if other is None or case.model_kind(other) == "folder":
                words = words_of(case.base / expand(other or model) / "tokenizer.json")
                place = "student.tokenizer" if other is not None else key
                check_vocabulary(config, words, key=place, where=case.where(place))
        except (FileNotFoundError, NotADirectoryError):
            continue  # a plan, which reads the weights too, says what is wrong with the folder
        except UserError as error:
            yield from error.faults


def _targets(case: Case) -> Iterator[Fault]:
    """Adapters sit on matrices that the architecture has, as far as it is known without the network."""
    for section, lora in adapters(case):
        key = f"{section}.target"
        try:
            check_targets(lora.target, _model_type(case, section.removesuffix(".lora")), key=key, where=case.where(key))
        except UserError as error:
            yield from error.faults


def _model_type(case: Case, who: str) -> object:
    """Return the `model_type` of what the adapter of `student`, `oracle` … sits on, or None where nothing tells."""
    own = {name: part for name, part in case.spec.reward_models if part.model != "sft"}
    part = own.get(who, case.spec.student)
    if isinstance(part.model, NewModel):
        return part.model.model_type
    kind = case.model_kind(part.model)
    if kind == "folder":
        return case.config_of(part.model).get("model_type")
    if kind != "hub":
        return None
    cached = cached_config(HubRefs(None).resolve("model", part.model, part.revision))
    return (cached or CONFIGS.get(part.model) or {}).get("model_type")
