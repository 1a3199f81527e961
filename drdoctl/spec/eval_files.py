"""The local files that a spec's evals read: each named by its content, and no path in any name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import Fault, UserError
from drdoctl.spec.source_facts import CONTENT

if TYPE_CHECKING:
    from drdoctl.evals import Eval
    from drdoctl.spec.facts import Facts


@dataclass(frozen=True)
class EvalFile:
    """One file that an option of an eval names."""

    index: int
    """The eval's place in `evaluate`."""
    option: str
    path: Path
    sha256: str

    @property
    def key(self) -> str:
        """Return the option's dotted key in the spec."""
        return f"evaluate.{self.index}.{self.option}"


def named(evals: Sequence[Eval]) -> Iterator[tuple[int, str, str]]:
    """Yield the eval's place, its option and the path as it is written, of each file that the evals name."""
    for index, one in enumerate(evals):
        for option, path in one.files().items():
            yield index, option, path


def read_files(evals: Sequence[Eval], facts: Facts) -> list[EvalFile]:
    """Return the files by content. Raises UserError naming each that is not there or cannot be read."""
    found, faults = [], []
    for index, option, name in named(evals):
        path = facts.path(name)
        try:
            found.append(EvalFile(index, option, path, facts.hashes.file(path).sha256))
        except OSError as error:
            gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            why = "is not there" if gone else f"cannot be read: {(error.strerror or str(error)).lower()}"
            where = facts.places(f"evaluate.{index}.{option}")
            hint = "mend the path; relative paths start from the spec's folder"
            faults.append(Fault("no-file", f"`evaluate.{index}.{option}`: the file `{path}` {why}", where, hint))
    if faults:
        raise UserError(faults)
    return found


def plain(evals: Sequence[Eval], files: Sequence[EvalFile]) -> list[dict[str, Any]]:
    """Return the evals' options without paths: the content's hash is among the externals."""
    options = [one.model_dump(mode="json") for one in evals]
    for file in files:
        options[file.index][file.option] = CONTENT
    return options
