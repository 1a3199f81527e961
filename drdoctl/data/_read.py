"""The first half of the data stage: what it is told, its tokenizers, and every part read into its work file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.errors import UserError
from drdoctl.core.progress import AFRESH, Progress, check_stop
from drdoctl.data import Dataset, PartName, datasets
from drdoctl.data._ledger import Ledger
from drdoctl.data._render import Renderer
from drdoctl.data._spool import Limits, Spool, Spooler
from drdoctl.data._tokenizers import choose_pad, load_tokenizer, save_tokenizer

Choose = Callable[..., Any]
"""`splits._apply.apply_steps`: steps, columns, seed, labels turned round before -> `splits._apply.Outcome`."""

KEYS = {"student": "student.tokenizer", "oracle": "oracle.model"}
"""Whose tokenizer -> the spec's key that names it; those of judges are called `judge_1a2b3c4d`."""


@dataclass(frozen=True)
class Request:
    """What the stage is told."""

    settings: Mapping[str, Any]
    """The spec's slice: `data.*`, `seed`, `student.sft.rows`."""
    locations: Mapping[str, Any]
    """`base`, `student.tokenizer`, `oracle.tokenizer`, and `data.source` with its paths as the spec writes them."""
    out: str
    """The folder in progress."""
    choose: Choose

    @property
    def data(self) -> dict[str, Any]:
        """Return the spec's `data:`."""
        return {key.removeprefix("data."): value for key, value in self.settings.items() if key.startswith("data.")}

    def source(self) -> Dataset:
        """Return the dataset, with its paths and its seed."""
        plain = dict(self.locations.get("data.source") or self.data["source"])
        source = datasets()[plain["name"]].model_validate(plain)
        found: Dataset = source.at(Path(self.locations.get("base", "."))).with_seed(self.settings["seed"])
        return found


def load_renderers(request: Request, source: Dataset) -> dict[str, Renderer]:
    """Return a renderer for each tokenizer, and save the tokenizers for the stages to come."""
    found = {}
    own = sorted(name.removesuffix(".tokenizer") for name in request.locations if name.startswith("judge_"))
    for who in ("student", "oracle", *own):
        location = request.locations.get(f"{who}.tokenizer")
        if location is None:
            continue
        key = KEYS.get(who, "judges")
        tokenizer = load_tokenizer(location, source.tokenizer_json(), key)
        found[who] = Renderer(tokenizer, request.data["template"], key)
        choose_pad(tokenizer, found[who].end_id)
        save_tokenizer(tokenizer, Path(request.out, "tokenizer", who))
    return found


def read_parts(
    request: Request,
    source: Dataset,
    renderers: dict[str, Renderer],
    ledger: Ledger,
    work: Path,
) -> dict[str, Spool]:
    """Read every part that is needed into its work file."""
    progress = Progress(request)

    def between() -> None:
        progress.update(sum(ledger.read.values()), 0, unit=AFRESH)
        check_stop(request)

    data = request.data
    spooler = Spooler(renderers, Limits(data["max_prompt_tokens"], data["max_tokens"]), ledger, between)
    optional: tuple[PartName, ...] = ("eval", "prompts")
    wanted: list[PartName] = ["train", *(part for part in optional if source.has_part(part))]
    if sft_rows(request, source) == "demonstrations":
        wanted.append("sft")
    spools: dict[str, Spool] = {}
    for part in wanted:
        spools[part] = spooler.spool(part, source.read(part, data["columns"]), work / f"{part}.parquet")
        ledger.unread_fields[part] = source.unread_fields()
        if not ledger.read.get(part):
            files = ", ".join(f"`{file}`" for file in source.files()) or f"`{source.name}`"
            raise UserError(
                f"there are no rows for `{part}` in {files}",
                code="empty-data",
                hint="look whether the file is whole, and whether `data.source` names the right one",
            )
    return spools


def sft_rows(request: Request, source: Dataset) -> str:
    """Return what SFT imitates: `demonstrations`, `reference`, or `chosen` (which needs no file of its own)."""
    rows = request.settings.get("student.sft.rows")
    if rows == "auto":
        return "demonstrations" if source.has_part("sft") else "chosen"
    if rows == "demonstrations" and not source.has_part("sft"):
        raise UserError(
            f"source `{source.name}` has no demonstrations",
            code="no-demonstrations",
            hint="set `student.sft.rows` to `auto`, `chosen` or `reference`",
        )
    return rows or "chosen"
