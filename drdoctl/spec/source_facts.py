"""The rows' source by content: each file hashed, each Hub dataset by its commit, and no path in any name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.core.fingerprint import digest
from drdoctl.core.suggest import did_you_mean
from drdoctl.data import Dataset
from drdoctl.data._files import visible_files
from drdoctl.spec.hashes import FileFacts, Hashes
from drdoctl.spec.hub import HubRef, Kind
from drdoctl.spec.known import ROWS

CONTENT = "(by content)"
"""Stands for a path in a fingerprint: the content's hash is among the externals."""


@dataclass(frozen=True)
class DataFacts:
    """What stands for the rows' source."""

    settings: dict[str, Any]
    """The source's options without paths and revisions."""
    externals: dict[str, str]
    """`data.source` (and `data.source.eval` …) -> hash of the file's content, or the Hub's commit."""
    location: dict[str, Any]
    """The source's options as they are, with the Hub's commit in place of the revision."""
    rows: int | None = None
    """Training pairs before any filter, where known."""
    size: int = 0
    """Bytes of the training files."""


class Around(Protocol):
    """What a source is read with: `facts.Facts` is one."""

    base: Path
    """Folder that relative paths start from."""
    store_root: Path
    """The store, which must lie in no folder of data."""
    hashes: Hashes

    def places(self, key: str, /) -> Where | None:
        """Return where a spec's dotted key is written."""

    def path(self, name: str) -> Path:
        """Return a path of the spec, absolute."""

    def hub(self, kind: Kind, key: str, name: str, revision: str | None) -> HubRef:
        """Return a Hub repository with its commit."""


def read_source(source: Dataset, plain: Mapping[str, Any], facts: Around) -> DataFacts:
    """Return the facts of a source; `plain` are its options. Raises UserError naming each file that is not there."""
    options = {key: value for key, value in plain.items() if isinstance(value, str) and value}
    externals: dict[str, str] = {}
    found: list[tuple[str | None, FileFacts]] = []
    faults: list[Fault] = []
    hub = source.hub_dataset()
    names = _files(source, facts)
    _refuse_store(options.values(), names, facts)
    for name in names:
        option = next((key for key, value in options.items() if _covers(value, name)), None)
        try:
            found.append((option, _content(name, facts)))
        except UserError as error:
            faults.extend(error.faults)
            continue
        own = option if option and Path(options[option]) == Path(name) else Path(name).name
        label = "data.source" if len(found) == 1 and hub is None else f"data.source.{own}"
        externals[_free(label, externals)] = found[-1][1].sha256
    if faults:
        raise UserError(faults)
    by_content = {option for option, _ in found}
    location = dict(plain)
    if hub is not None:
        ref = facts.hub("dataset", "data.source", *hub)
        externals["data.source"] = ref.identity
        if "revision" in plain:
            location["revision"] = ref.commit or ref.revision
            by_content.add("revision")
    settings = {key: CONTENT if key in by_content else value for key, value in plain.items()}
    known = ROWS.get(hub[0]) if hub is not None else _generated_rows(source, plain)
    training = [one for option, one in found if option == found[0][0]] if hub is None else []
    rows = _total([one.rows for one in training]) if training else known
    return DataFacts(settings, externals, location, rows, sum(one.size for one in training))


def _files(source: Dataset, facts: Around) -> list[str]:
    """Return the source's files; what is not there is a fault at the place where the spec names it."""
    try:
        return source.at(facts.base).files()
    except UserError as error:
        where = facts.places("data.source")
        raise UserError([replace(fault, where=where or fault.where) for fault in error.faults]) from error


def _refuse_store(options: Iterable[str], files: Sequence[str], facts: Around) -> None:
    """Raise UserError where a folder of data holds the store: what the stages write would be read as rows."""
    store = facts.store_root.resolve()
    for option in options:
        folder = facts.path(option).resolve()
        if not any(Path(option) in Path(name).parents for name in files) or not store.is_relative_to(folder):
            continue
        if not any(part.startswith(".") for part in store.relative_to(folder).parts):
            raise UserError(
                f"the store `{facts.store_root}` lies in the folder `{option}`, all of which is read as data",
                code="store-in-data",
                where=facts.places("data.source"),
                hint="name a store elsewhere (`--store DIR`), or the data's own folder or file under `data.source`",
            )


def _total(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def _content(name: str, facts: Around) -> FileFacts:
    """Return the facts of a data file, or of all files of a folder together."""
    path = facts.path(name)
    try:
        if not path.is_dir():
            return facts.hashes.file(path)
        found = {file.relative_to(path).as_posix(): facts.hashes.file(file) for file in visible_files(path)}
    except OSError as error:
        near = did_you_mean(path.name, [other.name for other in path.parent.glob("*")])
        gone = isinstance(error, FileNotFoundError | NotADirectoryError)
        why = "is not there" if gone else f"cannot be read: {(error.strerror or str(error)).lower()}"
        raise UserError(
            f"`data.source`: the file `{path}` {why}",
            code="no-file",
            where=facts.places("data.source"),
            hint=near or "mend the path; relative paths start from the spec's folder",
        ) from error
    rows = _total([one.rows for one in found.values()])
    content = digest({file: one.sha256 for file, one in found.items()})
    return FileFacts(content, sum(one.size for one in found.values()), rows)


def _covers(option: str, name: str) -> bool:
    """Whether an option's value is this file, or a folder above it."""
    return Path(option) == Path(name) or Path(option) in Path(name).parents


def _free(label: str, taken: Mapping[str, str]) -> str:
    names = [label, *(f"{label}#{index}" for index in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _generated_rows(source: Dataset, plain: Mapping[str, Any]) -> int | None:
    """Return how many training pairs a generated world makes: it says so in its option `train`."""
    rows = plain.get("train")
    return rows if isinstance(rows, int) and source.tokenizer_json() is not None else None
