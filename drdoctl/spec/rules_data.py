"""Rules about the data: what the source can give, and options that do nothing with it."""

from __future__ import annotations

from collections.abc import Iterator

from drdoctl.core.errors import Fault, UserError
from drdoctl.core.suggest import closest
from drdoctl.data import PartName
from drdoctl.data._records import COLUMNS
from drdoctl.spec.case import Case
from drdoctl.spec.model import NewModel


def columns(case: Case) -> Iterator[Fault]:
    """`data.columns` renames known columns of sources that have columns of their own choosing."""
    data = case.spec.data
    if not data.source.columns_apply:
        yield from case.no_effect("data.columns", f"with dataset `{data.source.name}`, whose columns are known")
        return
    for name in data.columns:
        if name not in COLUMNS:
            match = closest(name, COLUMNS)
            hint = f"did you mean `{match}`?" if match else f"the columns are: {', '.join(COLUMNS)}"
            yield case.fault(
                "unknown-name", f"`{name}` is not a column of pairs", f"data.columns.{name}", hint, key=True
            )


def split(case: Case) -> Iterator[Fault]:
    """A split needs what the source cannot give, or does nothing."""
    data = case.spec.data
    for index, step in enumerate(data.split):
        where = case.step(index)
        if step.needs_confidence and data.source.gives_confidence is False:
            hint = "use `data.split: all`, or pairs that carry `confidence`, scores or `preference`"
            message = f"split `{step.name}` needs a confidence, which dataset `{data.source.name}` does not have"
            yield case.fault("missing-confidence", message, where, hint)
        if step.needs_scores and data.source.gives_scores is False:
            hint = "use split `confidence`, `margin` with `by: oracle`, or pairs that carry scores"
            message = f"split `{step.name}` needs scores, which dataset `{data.source.name}` does not have"
            yield case.fault("missing-scores", message, where, hint)
        if step.relabels and any(other.relabels for other in data.split[:index]):
            message = f"split `{step.name}` relabels, which a step before it has done"
            hint = "leave one of them out: `length-bias` relabels of itself"
            yield case.fault("conflict", message, where, hint)
        if step.name == "all" and len(data.split) > 1:
            yield case.fault("no-effect", "split `all` has no effect among other steps", where, "leave it out")
        if step in data.split[:index]:
            yield case.fault("duplicate", f"split `{step.name}` is given twice", where, "keep one of them")


def held_out(case: Case) -> Iterator[Fault]:
    """Nothing is held out where the source has an evaluation part."""
    if _has_part(case, "eval"):
        name = case.spec.data.source.name
        yield from case.no_effect(
            "data.eval_fraction", f"with dataset `{name}`: it has an evaluation part of its own here"
        )


def limits(case: Case) -> Iterator[Fault]:
    """A response needs room after the prompt, and a new model has room for so many positions."""
    data, model = case.spec.data, case.spec.student.model
    if data.max_prompt_tokens >= data.max_tokens:
        message = (
            f"`data.max_prompt_tokens` ({data.max_prompt_tokens}) leaves no room for a response "
            f"within `data.max_tokens` ({data.max_tokens})"
        )
        at = case.nearest("data.max_prompt_tokens", "data.max_tokens")
        yield case.fault("conflict", message, at, "raise `data.max_tokens`, or lower `data.max_prompt_tokens`")
        return
    if isinstance(model, NewModel) and data.max_tokens > model.max_positions:
        message = (
            f"`data.max_tokens` is {data.max_tokens}, and `student.model` has room for {model.max_positions} positions"
        )
        at = case.nearest("data.max_tokens", "student.model")
        hint = f"set `data.max_tokens: {model.max_positions}`, or raise `student.model.max_positions`"
        yield case.fault("conflict", message, at, hint)


def source_revision(case: Case) -> Iterator[Fault]:
    """A revision pins rows from the Hub; local files have none."""
    source = case.spec.data.source
    if source.hub_dataset() is None:
        yield from case.no_effect("data.source.revision", "with local files")


def demonstrations(case: Case) -> Iterator[Fault]:
    """`rows: demonstrations` needs a source that has some."""
    sft = case.spec.student.sft
    if sft and sft.rows == "demonstrations" and not _has_part(case, "sft"):
        message = f"dataset `{case.spec.data.source.name}` has no demonstrations"
        yield case.fault("missing-rows", message, "student.sft.rows", "use `student.sft.rows: chosen`")


def _has_part(case: Case, part: PartName) -> bool:
    try:
        return case.spec.data.source.at(case.base).has_part(part)
    except (UserError, OSError):
        return False  # files that are not there are the facts' fault to find


EACH = (columns, split, held_out, limits, source_revision, demonstrations)
