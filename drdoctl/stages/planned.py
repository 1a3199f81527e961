"""What a stage reads outside the store is what its plan was made for: seen before it is read, and right after.

The content is hashed as the plan hashed it, from the same memory of hashes, so a file that nobody touched is not read
again. What was read lies between two looks at the files that tell the same; so no other content goes under the plan's
names, even where a file changed while it was read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import Refused, UserError
from drdoctl.spec.folder import TOKENIZER_FILES, tokenizer_sha256, weights_sha256
from drdoctl.spec.hashes import Hashes
from drdoctl.spec.weights import weight_files

if TYPE_CHECKING:
    from drdoctl.stages import Job

SOURCE = "data.source"
HUB = "hub:"
"""How the hash of what lies on the Hub begins: a commit, whose files do not change."""
HINT = (
    "`drdoctl plan` shows which stages that changes, and `drdoctl apply` of the spec makes those anew; "
    "or put the old content back, and the same command goes on"
)


@dataclass(frozen=True)
class Outside:
    """Something that a stage reads outside the store."""

    path: Path
    planned: Mapping[str, str]
    """Its names among the externals -> the hashes that the plan is made for."""
    now: Callable[[], Mapping[str, str]]
    """Returns the same of what lies there now. Raises UserError or OSError where it cannot be had."""
    files: Callable[[], Sequence[Path]]

    def look(self) -> dict[Path, tuple[int, int, int]]:
        """Return what tells a file from another, or from itself before a write, at once: inode, size and time."""
        try:
            facts = {file: file.stat() for file in self.files()}
        except (OSError, UserError):
            return {}
        return {file: (fact.st_ino, fact.st_size, fact.st_mtime_ns) for file, fact in facts.items()}

    def require(self) -> None:
        """Raise Refused where the content is not the plan's."""
        try:
            now = self.now()
        except (OSError, UserError):
            now = {}
        moved = [key for key in {**self.planned, **now} if self.planned.get(key) != now.get(key)]
        if moved:
            raise self.refusal(moved[0], "no longer holds what it held when this was planned")

    def refusal(self, key: str, what: str) -> Refused:
        """Return the error that ends the stage."""
        return Refused(f"`{key}`: `{self.path}` {what}", code="stale-plan", hint=HINT)


@contextmanager
def as_planned(things: Sequence[Outside]) -> Iterator[None]:
    """Read these within. Raises Refused (exit 6) where they are not what was planned, or change meanwhile."""
    before = [thing.look() for thing in things]
    for thing in things:
        thing.require()
    try:
        yield
    except Exception as error:
        _require_same(things, before, error)
        raise
    _require_same(things, before, None)


def _require_same(things: Sequence[Outside], before: Sequence[Mapping[Path, Any]], cause: Exception | None) -> None:
    for thing, was in zip(things, before, strict=True):
        if thing.look() != was:
            raise thing.refusal(next(iter(thing.planned)), "changed while it was read") from cause


def outside(job: Job, *keys: str) -> list[Outside]:
    """Return what the job reads on this machine's disks outside the store; of models and tokenizers only `keys`.

    Without keys, all of it. What has a commit on the Hub is left out, and what a dataset brings itself.
    """
    root = Path(job.out).absolute().parents[1]
    found = []
    for key in keys or job.locations:
        folder = _folder(job, key)
        if folder is not None and key.endswith(".tokenizer"):
            found.append(_tokenizer(key, job.externals[key], folder, Hashes(root)))
        elif folder is not None and key.endswith(".model"):
            found.append(_model(key, job.externals[key], folder, Hashes(root)))
    return found if keys else [*found, *_source(job, root)]


def _folder(job: Job, key: str) -> Path | None:
    """Return the folder of a model or tokenizer whose content the plan hashed."""
    place, mark = job.locations.get(key), job.externals.get(key, HUB)
    return Path(place["path"]) if isinstance(place, Mapping) and "path" in place and not mark.startswith(HUB) else None


def _model(key: str, mark: str, folder: Path, hashes: Hashes) -> Outside:
    def now() -> dict[str, str]:
        found = {key: weights_sha256(folder, hashes, key=key)}
        hashes.save()
        return found

    return Outside(folder, {key: mark}, now, lambda: weight_files(folder, key=key))


def _tokenizer(key: str, mark: str, folder: Path, hashes: Hashes) -> Outside:
    def files() -> list[Path]:
        return [folder / name for name in TOKENIZER_FILES if (folder / name).is_file()]

    return Outside(folder, {key: mark}, lambda: {key: tokenizer_sha256(folder, hashes, key=key)}, files)


def _source(job: Job, root: Path) -> list[Outside]:
    planned = {key: mark for key, mark in job.externals.items() if key.startswith(SOURCE) and not mark.startswith(HUB)}
    if not planned:
        return []
    from drdoctl.data import datasets
    from drdoctl.data._files import visible_files
    from drdoctl.spec.facts import Facts
    from drdoctl.spec.source_facts import CONTENT, read_source

    plain, base = job.locations[SOURCE], Path(job.locations["base"])
    source = datasets()[plain["name"]].model_validate(plain).at(base)

    def now() -> dict[str, str]:
        facts = Facts(base, root)
        found = read_source(source, plain, facts).externals
        facts.hashes.save()
        return _local(found)

    def files() -> list[Path]:
        named = [base / name for name in source.files()]
        return [file for path in named for file in ([path] if path.is_file() else visible_files(path))]

    by_content = [plain[option] for option, value in job.settings[SOURCE].items() if value == CONTENT]
    return [Outside(base / by_content[0], planned, now, files)]


def _local(externals: Mapping[str, str]) -> dict[str, str]:
    return {key: mark for key, mark in externals.items() if not mark.startswith(HUB)}
