"""The card: what an artifact in the zoo is, where it comes from and what it was measured to do.

A card carries all that a store needs to rebuild the artifact's manifest, so that a plan elsewhere
finds it under the same fingerprint. Its bytes (canonical indented JSON) are the same for the same
artifact, whenever and wherever it is pushed; that makes pushing idempotent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator

from drdoctl.core.fingerprint import artifact_name, digest
from drdoctl.core.parts import Model
from drdoctl.core.words import DIALECT
from drdoctl.store.manifest import fingerprint_of
from drdoctl.zoo.card_faults import FORMAT, bad_card, unread
from drdoctl.zoo.probes import Probe

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}$"
SHA256 = r"^[0-9a-f]{64}$"
ROLES = {"oracle": "oracle", "sft": "student", "align": "student"}
"""Stage kind -> what the artifact is good for. Other kinds are not published."""
LATER = ("probes", "tolerance", "rendering", "reward", "quality", "unmeasured", "parents", "whole_spec", "plan_sha256")
"""Fields that came after the first cards."""
MAX_CARD = 4 << 20
"""No honest card is larger (bytes)."""
SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
"""How a licence is named: by one word."""


class FileEntry(Model):
    """One published file."""

    sha256: str = Field(pattern=SHA256)
    """Hash of the content."""
    size: int = Field(ge=0)
    """Bytes."""


class Base(Model):
    """The model that training started from."""

    ref: str | None = None
    """A Hub id or a zoo name, where one is known; never a path on somebody's machine."""
    revision: str | None = None
    """Its commit, where known."""
    sha256: str | None = None
    """Hash of its content, as the plan recorded it."""


class Parent(Model):
    """One artifact that this one rests on, near or far."""

    id: str
    """The stage that made it, such as `oracle[teacher]`."""
    fingerprint: str = Field(pattern=SHA256)
    """Its identity: in `kind-` and the first 12 digits, its name in a store."""
    externals: dict[str, str] = Field(default_factory=dict)
    """What it read outside the store (data files, base models) -> hash of its content, or a commit."""
    ref: str | None = None
    """Its name in a zoo, where it has one."""
    revision: str | None = None
    """The immutable id of that name."""


class Card(Model):
    """One artifact of the zoo (`drdoctl.json`)."""

    format: Literal[1]
    """Version of this format."""
    name: str = Field(pattern=NAME)
    """Name in the zoo."""
    role: Literal["oracle", "student"]
    """A reward model, or a policy."""
    kind: Literal["oracle", "sft", "align"]
    """The stage that made it."""
    base: Base = Field(default_factory=Base)
    """What training started from."""
    datasets: list[str] = Field(default_factory=list)
    """Hub ids of the data sets that training read."""
    template: Literal["auto", "none"] | None = None
    """`data.template` of training: whether prompt and response were joined by the tokenizer's chat template."""
    spec_name: str = ""
    """The spec's name."""
    stage: str = ""
    """The stage's name in the plan, such as `align[drdo]`."""
    spec: dict[str, Any]
    """The slice of the spec that the stage read: dotted key -> value."""
    spec_sha256: str = Field(pattern=SHA256)
    """sha256 of that slice, as canonical JSON."""
    version: int
    """Code version of the stage."""
    fingerprint: str = Field(pattern=SHA256)
    """sha256 over kind, version, spec slice, inputs and externals: the artifact's identity."""
    inputs: dict[str, str] = Field(default_factory=dict)
    """Role -> fingerprint of each input."""
    input_ids: dict[str, str] = Field(default_factory=dict)
    """Role -> stage name of each input."""
    externals: dict[str, str] = Field(default_factory=dict)
    """What lay outside the store (data files, base models) -> hash of its content."""
    metrics: dict[str, Any] = Field(default_factory=dict)
    """Numbers at the end of training."""
    figures: list[dict[str, Any]] = Field(default_factory=list)
    """What the evaluate stage measured, warnings included."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The model's `config.json`, so that a plan knows its size before it is pulled."""
    license: str | None = None
    """SPDX id, or `other`."""
    packages: dict[str, str] = Field(default_factory=dict)
    """Versions of what made it."""
    created: str = ""
    """When the artifact was finished (UTC, ISO 8601)."""
    seconds: float = Field(default=0.0, ge=0)
    """How long the stage ran."""
    warnings: list[str] = Field(default_factory=list)
    """What a reader must know before using it."""
    files: dict[str, FileEntry] = Field(min_length=1)
    """File name -> hash and size of all that is published."""
    probes: list[Probe] = Field(default_factory=list, max_length=16)
    """Texts with the scores that transformers alone gives them; `pull` and `verify` compare."""
    tolerance: dict[str, float] = Field(default_factory=dict)
    """`float32` and `bfloat16` -> by how much a probe's score may differ."""
    rendering: dict[str, Any] = Field(default_factory=dict)
    """How prompt and response become tokens: `template` (`chat` or `plain`), `start_tokens`, `end_token`, `trims`."""
    reward: dict[str, Any] = Field(default_factory=dict)
    """Rewards of held-out responses: `count`, `mean`, `std`, `min`, `max`, `quantiles`, and on what `data`."""
    quality: dict[str, Any] = Field(default_factory=dict)
    """A reward model on held-out pairs: metric -> `value`, `low`, `high`, `count`; and on what `data`."""
    unmeasured: list[str] = Field(default_factory=list)
    """What the card does not say, and why: one sentence each."""
    parents: list[Parent] = Field(default_factory=list)
    """The artifacts it rests on, nearest first."""
    whole_spec: dict[str, Any] = Field(default_factory=dict)
    """The spec, as values without machine paths: `drdoctl init --from zoo/NAME` writes it."""
    plan_sha256: str | None = Field(default=None, pattern=SHA256)
    """sha256 over the plan: stage -> fingerprint, as canonical JSON."""

    @field_validator("license")
    @classmethod
    def _licence_is_one_word(cls, value: str | None) -> str | None:
        if value is not None and not SPDX.fullmatch(value):
            raise ValueError("not an SPDX id")
        return value

    @property
    def artifact(self) -> str:
        """Return the folder's name in a store: `oracle-0be77af4c1d2`."""
        return artifact_name(self.kind, self.fingerprint)

    @property
    def size(self) -> int:
        """Return the bytes of all files."""
        return sum(entry.size for entry in self.files.values())

    @property
    def content_sha256(self) -> str:
        """Return one hash over the names and hashes of all files: what stands for the model in a plan."""
        return digest({name: entry.sha256 for name, entry in self.files.items()})

    def to_bytes(self) -> bytes:
        """Return the card as it is published: the same bytes for the same card.

        Fields of later versions that say nothing are left out: a card of before has the bytes it had.
        """
        plain = {name: value for name, value in self.model_dump(mode="json").items() if value or name not in LATER}
        return (json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()

    def manifest(self, files: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return the manifest that a store keeps beside the files."""
        entries = {name: entry.model_dump() for name, entry in self.files.items()}
        return {
            "format": FORMAT,
            "kind": self.kind,
            "id": self.stage or self.kind,
            "spec_name": self.spec_name,
            "fingerprint": self.fingerprint,
            "version": self.version,
            "settings": self.spec,
            "inputs": self.inputs,
            "input_ids": self.input_ids,
            "externals": self.externals,
            "warnings": self.warnings,
            "files": dict(files) if files is not None else entries,
            "metrics": self.metrics,
            "packages": self.packages,
            "host": {},
            "seconds": self.seconds,
            "created": self.created,
        }


def parse_card(data: bytes, *, name: str, where: str) -> Card:
    """Return the card in `data`. Raises IntegrityError where it is not a whole, consistent card of `name`."""
    if len(data) > MAX_CARD:
        raise bad_card(name, where, [f"it is larger than {MAX_CARD} bytes"])
    try:
        card = Card.model_validate_json(data)
    except ValidationError as error:
        raise unread(name, where, error.errors()) from None
    try:
        problems = inconsistencies(card, name)
        digest(card.model_dump())  # its JSON has null for such numbers
    except ValueError:
        problems = ["it holds a number that is not finite"]
    if problems:
        raise bad_card(name, where, problems)
    return card


def inconsistencies(card: Card, name: str) -> list[str]:
    """Return what in a card contradicts itself: a swapped or edited manifest shows here."""
    problems = []
    if card.name != name:
        problems.append(f"it describes `{card.name}`")
    if card.role != ROLES[card.kind]:
        problems.append(f"a stage of kind `{card.kind}` does not make a {card.role}")
    if fingerprint_of(card.manifest()) != card.fingerprint:
        problems.append("its fingerprint is not that of the settings, inputs and externals it lists")
    if digest(card.spec) != card.spec_sha256:
        problems.append("its spec does not have the hash it gives")
    return problems


def schema() -> dict[str, Any]:
    """Return the card's JSON Schema."""
    return {"$schema": DIALECT, **Card.model_json_schema()}
