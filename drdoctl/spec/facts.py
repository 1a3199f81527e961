"""What a spec points at, by content: data files, models and tokenizers. Reads files only; never the network.

Everything a plan is named after comes through here, so that the same content gives the same names wherever it lies:
paths become hashes, Hub ids become commits, and names in the zoo become the hashes on their cards.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from drdoctl.core.errors import UserError, Where
from drdoctl.core.files import expand, kind_at
from drdoctl.core.fingerprint import digest
from drdoctl.spec.fits import check_type, is_finished
from drdoctl.spec.folder import TOKENIZER_FILES, absent, read_folder, require_folder, tokenizer_sha256
from drdoctl.spec.hashes import Hashes
from drdoctl.spec.hub import HUB_ID, HubRef, HubRefs, Kind, cached_config, cached_file
from drdoctl.spec.known import CONFIGS
from drdoctl.spec.source_facts import DataFacts, read_source
from drdoctl.spec.vocabulary import vocabulary_size

if TYPE_CHECKING:
    from drdoctl.data import Dataset

Found = TypeVar("Found")
Places = Callable[[str], Where | None]
"""A spec's dotted key -> where it is written."""


@dataclass(frozen=True)
class TokenizerFacts:
    """What stands for a tokenizer."""

    identity: str
    location: dict[str, Any]
    """`{"path": folder}`, `{"hub": id, "revision": commit}` or `{"dataset": true}`."""
    text: str | None = None
    """The `tokenizer.json` itself, where a dataset brings it."""

    @cached_property
    def vocabulary(self) -> int | None:
        """How many tokens it has, or None where the files do not tell. Read once: the file may take megabytes."""
        if self.text is not None:
            return vocabulary_size(self.text)
        try:
            return vocabulary_size(Path(self.location["path"], "tokenizer.json").read_text(encoding="utf-8"))
        except (KeyError, OSError, ValueError):
            return None


@dataclass(frozen=True)
class ModelFacts:
    """What stands for a model's weights and configuration."""

    identity: str
    location: dict[str, Any]
    """`{"path": folder}` or `{"hub": id, "revision": commit}`; empty for the zoo."""
    tokenizer: TokenizerFacts
    config: dict[str, Any] | None = None
    parameters: int | None = None
    finished: bool = False
    """Whether it is a reward model to be used as it is."""
    zoo: dict[str, Any] | None = None
    """What a pull needs: `ref`, `revision`, `location`, `sha256`, `role`."""


@dataclass
class Facts:
    """Everything the specs of one plan point at. Answers are remembered for the life of the object."""

    base: Path
    """Folder that a spec's relative paths start from."""
    store_root: Path
    """The store: its lock files and remembered hashes are read. Need not be there."""
    zoo: str | None = None
    """The spec's `zoo:`, or what a flag says in its place."""
    places: Places = lambda _: None
    """Where a key is written, for messages."""
    weightless: bool = False
    """Whether folders will do without weights, as they do for a plan."""
    unresolved: dict[str, HubRef] = field(default_factory=dict)
    """Hub ids met whose commit is not known on this machine."""
    _answers: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open what is remembered."""
        self.base = Path(self.base).absolute()
        self.hashes = Hashes(self.store_root)
        self.refs = HubRefs(self.store_root)

    def model(
        self,
        key: str,
        name: str,
        revision: str | None = None,
        *,
        finished: bool | None = None,
        tokenizer: str | None = None,
    ) -> ModelFacts:
        """Return the facts of a local folder, a Hub id or `zoo/NAME`. Raises UserError naming `key`.

        `finished`: the spec's word on whether it is a reward model. `tokenizer`: another one in place of its own.
        """

        def make() -> ModelFacts:
            if name.startswith("zoo/"):
                return self._zoo_model(name)
            path = self._local(name)
            if path is not None:
                return self._local_model(key, path, finished, tokenizer)
            ref = self.hub("model", key, name, revision)
            return self._hub_model(key, ref, finished, tokenizer)

        return self.once(("model", key, name, revision, finished, tokenizer), make)

    def tokenizer(self, key: str, name: str) -> TokenizerFacts:
        """Return the facts of a tokenizer in a local folder or on the Hub. Raises UserError naming `key`."""

        def make() -> TokenizerFacts:
            path = self._local(name)
            if path is None:
                return _hub_tokenizer(self.hub("model", key, name, None))
            require_folder(path, key=key, where=self.places(key))
            identity = tokenizer_sha256(path, self.hashes, key=key, where=self.places(key))
            return TokenizerFacts(identity, {"path": str(path)})

        return self.once(("tokenizer", key, name), make)

    def dataset_tokenizer(self, source: Dataset) -> TokenizerFacts | None:
        """Return the facts of the tokenizer that a generated dataset brings, or None."""

        def make() -> TokenizerFacts | None:
            text = source.tokenizer_json()
            if text is None:
                return None
            return TokenizerFacts(sha256(text.encode()).hexdigest(), {"dataset": True}, text)

        return self.once(("text", source.name), make)

    def data(self, source: Dataset) -> DataFacts:
        """Return the facts of the rows' source. Raises UserError naming each file that is not there."""

        def make() -> DataFacts:
            return read_source(source, source.model_dump(mode="json"), self)

        return self.once(("data", source.model_dump_json()), make)

    def path(self, name: str) -> Path:
        """Return a path of the spec, absolute."""
        return self.base / expand(name)

    def zoo_written(self) -> str:
        """Return the zoo's location as the spec, a flag or the environment writes it."""
        from drdoctl.zoo.location import locate

        return locate(self.zoo)

    def zoo_location(self, ref: str | None = None) -> str:
        """Return where the zoo is that `ref` is read from, or, without `ref`, published to. Folders are absolute."""
        from drdoctl.zoo.location import locate

        return locate(self.zoo, self.base, ref=ref)

    def once(self, key: Any, make: Callable[[], Found]) -> Found:
        """Return what `make` gives, which is remembered under `key`; an error is not."""
        if key not in self._answers:
            try:
                self._answers[key] = make()
            finally:  # a signal may have cut it: the next plan need not hash these files again
                self.hashes.save()
        found: Found = self._answers[key]
        return found

    def _local(self, name: str) -> Path | None:
        """Return the folder that a name means, or None for a Hub id."""
        path = self.path(name)
        return path if kind_at(path) or name.startswith((".", "/", "~")) or not HUB_ID.match(name) else None

    def _local_model(self, key: str, path: Path, finished: bool | None, tokenizer: str | None) -> ModelFacts:
        where = self.places(key)
        also = {"own_tokenizer": tokenizer is None, "weightless": self.weightless}
        folder = read_folder(path, self.hashes, key=key, where=where, **also)
        own = (
            self.tokenizer(f"{key.split('.', maxsplit=1)[0]}.tokenizer", tokenizer)
            if tokenizer is not None
            else TokenizerFacts(folder.tokenizer_sha256, {"path": str(path)})
        )
        return ModelFacts(
            identity=folder.sha256 or absent(folder.config),
            location={"path": str(path)},
            tokenizer=own,
            config=folder.config,
            parameters=folder.parameters,
            finished=is_finished(folder.config, finished, str(path), key=key, where=where),
        )

    def _hub_model(self, key: str, ref: HubRef, finished: bool | None, tokenizer: str | None) -> ModelFacts:
        config = cached_config(ref)
        if config is not None:
            check_type(config, ref.id, key=key, where=self.places(key))
        own = self.tokenizer("student.tokenizer", tokenizer) if tokenizer is not None else _hub_tokenizer(ref)
        reward_model = is_finished(config or {}, finished, ref.id, key=key, where=self.places(key))
        return ModelFacts(ref.identity, ref.location, own, config or CONFIGS.get(ref.id), finished=reward_model)

    def _zoo_model(self, name: str) -> ModelFacts:
        from drdoctl.zoo.resolve import zoo_facts

        location = self.zoo_location(name)
        found = zoo_facts(name, location, self.store_root)
        files = {file: sha for file, sha in found.files.items() if file in TOKENIZER_FILES}
        return ModelFacts(
            identity=found.sha256,
            location={},
            tokenizer=TokenizerFacts(digest(files), {}),
            config=found.card.config or None,
            finished=found.card.role == "oracle",
            zoo={
                "ref": found.ref,
                "revision": found.revision,
                "location": location,
                "sha256": found.sha256,
                "role": found.card.role,
            },
        )

    def hub(self, kind: Kind, key: str, name: str, revision: str | None) -> HubRef:
        """Return a Hub repository with its commit, or note that it is not known. Raises UserError for no Hub id."""
        if not HUB_ID.match(name):
            raise UserError(
                f"`{key}`: `{name}` is neither a folder nor a Hub id",
                code="no-model",
                where=self.places(key),
                hint="write `ORG/NAME` as on the Hub, a folder that is there, or `zoo/NAME`",
            )
        ref = self.refs.resolve(kind, name, revision)
        if ref.commit is None:
            self.unresolved[ref.key] = ref
        return ref


def _hub_tokenizer(ref: HubRef) -> TokenizerFacts:
    cached = cached_file(ref, "tokenizer.json")
    return TokenizerFacts(ref.identity, ref.location | ({"path": str(cached.parent)} if cached else {}))
