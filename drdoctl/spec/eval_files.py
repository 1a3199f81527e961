"""The local files that a spec's evals read: each named by its content, and no path in any name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
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

    @property
    def location(self) -> dict[str, str]:
        """Return where the stage finds it, and what it must hold then."""
        return {self.key: str(self.path), f"{self.key}.sha256": self.sha256}


def named(evals: Sequence[Eval]) -> Iterator[tuple[int, str, str]]:
    """Yield the eval's place, its option and the path as it is written, of each file that the evals name."""
    for index, one in enumerate(evals):
        for option, path in one.files().items():
            yield index, option, path


def read_files(evals: Sequence[Eval], facts: Facts) -> list[EvalFile]:
    """Return the files by content. Raises UserError naming each that is not there, cannot be read, or is flawed."""
    found: list[EvalFile] = []
    faults: list[Fault] = []
    for index, option, name in named(evals):
        one, where = evals[index], facts.places(f"evaluate.{index}.{option}")
        try:
            # all combinations of a matrix, and all their stages, ask for the same few files
            key = (type(one), one.model_dump_json(), option)
            sha256 = facts.once(key, partial(_sound, one, option, name, facts))
            found.append(EvalFile(index, option, facts.path(name), sha256))
        except UserError as error:
            faults.extend(replace(fault, where=where) for fault in error.faults)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            why = "is not there" if gone else f"cannot be read: {(error.strerror or str(error)).lower()}"
            message = f"`evaluate.{index}.{option}`: the file `{facts.path(name)}` {why}"
            hint = "mend the path; relative paths start from the spec's folder"
            faults.append(Fault("no-file", message, where, hint))
    if faults:
        raise UserError(faults)
    return found


def _sound(one: Eval, option: str, name: str, facts: Facts) -> str:
    """Return the sha256 of a file without flaws. Raises UserError, or OSError where it cannot be read."""
    path = facts.path(name)
    found = facts.hashes.file(path)
    faults = [Fault("bad-file", flaw, None, hint) for flaw, hint in flaws(one, option, name, path)]
    if faults:
        raise UserError(faults)
    return found.sha256


def flaws(one: Eval, option: str, name: str, path: Path) -> Iterator[tuple[str, str]]:
    """Yield what the eval finds wrong with the content of a file that is there, each with what to do."""
    for flaw in one.flaws(option, path):
        yield flaw, f"mend `{name}`; `drdoctl show eval {one.name}` says what it holds"


def plain(evals: Sequence[Eval], files: Sequence[EvalFile]) -> list[dict[str, Any]]:
    """Return the evals' options without paths: the content's hash is among the externals."""
    options = [one.model_dump(mode="json") for one in evals]
    for file in files:
        options[file.index][file.option] = CONTENT
    return options
