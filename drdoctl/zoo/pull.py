"""Pull: resolve a name once, download by id, check every file, and only then let it be seen.

Files gather in `<store>/cache/pulls/`, where an interrupted pull finds what it had; each is checked
(name, size, sha256, format) on arrival. The manifest is written last and the folder renamed into place.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import IntegrityError
from drdoctl.core.files import new_folder, write_atomic, write_json
from drdoctl.core.fingerprint import artifact_name, file_sha256
from drdoctl.store.artifact import Store
from drdoctl.store.manifest import MANIFEST, sealed
from drdoctl.zoo import CARD_FILE, SIGNATURE_FILE, signing
from drdoctl.zoo.calls import overall
from drdoctl.zoo.gather import Report, Watch, gather, nobody
from drdoctl.zoo.installed import holds, link_known, origin_of, refuse_other, there
from drdoctl.zoo.location import Ref, locate, needs_network, open_zoo, parse_ref
from drdoctl.zoo.resolve import ZooFacts, look_up, remember, remembered
from drdoctl.zoo.staging import alone, into_place, keep_only
from drdoctl.zoo.trust import NOTHING_MORE, Trust

if TYPE_CHECKING:
    from drdoctl.stages import Want


@dataclass(frozen=True)
class Pulled:
    """What a pull did."""

    facts: ZooFacts
    path: Path
    fetched: tuple[str, ...]
    """Files that were downloaded by this call; empty where all was there."""
    checked: Mapping[str, Any] = field(default_factory=dict)
    """What was found beside the hashes (`Trust.look`); empty where all was there."""


@overall()
def pull(
    store: Store,
    ref: str,
    location: str,
    *,
    offline: bool = False,
    report: Report | None = None,
    watch: Watch = nobody,
    trust: Trust = NOTHING_MORE,
) -> Pulled:
    """Bring `zoo/NAME[@REV]` into the store as an artifact with the fingerprint it was made with.

    Offline, or with the same revision already there, nothing is fetched. Raises ZooError (exit 4) for the network and
    unknown names, IntegrityError (exit 5) naming each file that is not what the card says, and what `trust` finds.
    """
    facts = _facts(store, parse_ref(ref), location, offline=offline)
    pulled = _Bringing(store, facts, location, offline, report, watch, trust).bring(facts.card.manifest())
    remember(facts, location, store.root)
    return pulled


@overall()
def pull_into(
    store: Store,
    want: Want,
    *,
    zoo: str | None = None,
    offline: bool = False,
    report: Report | None = None,
    trust: Trust = NOTHING_MORE,
) -> Path:
    """Bring the model that a planned stage names (`want.locations["zoo"]`) into the store, under the stage's name.

    The plan pinned the content; a zoo that now gives another one is refused with IntegrityError.
    """
    where = want.locations["zoo"]
    location = where.get("location") or locate(zoo, ref=where["ref"])
    ref = parse_ref(where["ref"])
    facts = _planned(store, ref, where.get("revision"), location, offline=offline)
    if facts.sha256 != where.get("sha256", facts.sha256):
        raise IntegrityError(
            f"`{ref}` in `{location}` is not the model that was planned with",
            code="zoo-moved",
            hint="plan again, and apply the new plan",
        )
    manifest = facts.card.manifest()
    if want.fingerprint != facts.card.fingerprint:
        manifest |= {
            "kind": want.kind,
            "id": want.id,
            "fingerprint": want.fingerprint,
            "version": want.version,
            "settings": dict(want.settings),
            "inputs": {role: other.fingerprint for role, other in want.inputs.items()},
            "input_ids": {role: other.id for role, other in want.inputs.items()},
            "externals": dict(want.externals),
        }
    return _Bringing(store, facts, location, offline, report, nobody, trust).bring(manifest).path


@overall()
def pull_to(
    folder: Path,
    ref: str,
    location: str,
    *,
    offline: bool = False,
    report: Report | None = None,
    watch: Watch = nobody,
    trust: Trust = NOTHING_MORE,
) -> Pulled:
    """Bring a model into a plain folder, card and signature beside it. The folder must be empty or not there."""
    facts = look_up(parse_ref(ref), location, offline=offline)
    if holds(folder, facts.card):
        if trust.key is not None and (fault := signing.fault_of(folder, trust.key)):
            raise signing.refused(facts.ref, fault)
        return Pulled(facts, folder, ())
    with new_folder(folder, "--to DIR") as staging:
        zoo = open_zoo(location, offline=offline)
        signature = trust.early(zoo, facts) or zoo.signature(facts.card.name, facts.revision)
        card = zoo.card(facts.card.name, facts.revision)
        fetched = gather(zoo, facts, staging, report, watch)
        checked = trust.look(zoo, facts, staging, signature)
        write_atomic(staging / CARD_FILE, card)  # as published, byte for byte: the signature is over these
        if signature is not None:
            write_atomic(staging / SIGNATURE_FILE, signature)
    return Pulled(facts, folder, fetched, checked)


def _facts(store: Store, ref: Ref, location: str, *, offline: bool) -> ZooFacts:
    if offline and needs_network(location):
        known = remembered(ref, location, store.root)
        if known is not None and there(store, known.card.artifact, known.card):
            return known
    return look_up(ref, location, offline=offline)


def _planned(store: Store, ref: Ref, revision: str | None, location: str, *, offline: bool) -> ZooFacts:
    """Return what the plan saw: as remembered, where that revision is in the store already, else as the zoo tells."""
    known = remembered(ref, location, store.root)
    if known is not None and revision == known.revision and there(store, known.card.artifact, known.card):
        return known
    now = look_up(Ref(ref.name, revision or ref.revision), location, offline=offline)
    return replace(now, ref=str(ref))


@dataclass(frozen=True)
class _Bringing:
    """One pull into a store."""

    store: Store
    facts: ZooFacts
    location: str
    offline: bool
    report: Report | None
    watch: Watch
    trust: Trust

    def bring(self, manifest: dict[str, Any]) -> Pulled:
        """Make the artifact of a manifest from the files, unless it is there."""
        store, facts = self.store, self.facts
        artifact = artifact_name(manifest["kind"], manifest["fingerprint"])
        final = store.path(artifact)
        if (made := store.manifest(artifact)) is not None:
            return self._found(final, made)
        store.prepare()
        staging = store.pulls / f"{facts.card.name}-{facts.revision[:12]}-{artifact}"
        with alone(staging, store.pulls / f"{artifact}.lock"):  # two names may hold the same artifact
            if (made := store.manifest(artifact)) is not None:  # by whoever held the lock before
                return self._found(final, made)
            keep_only(staging, set(facts.card.files))
            try:
                fetched, checked = self._gather(staging)
            except IntegrityError:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            origin = {**origin_of(facts, self.location), "checked": checked}
            write_json(staging / MANIFEST, sealed({**manifest, "zoo": origin}))
            into_place(staging, final)
        return Pulled(facts, final, fetched, checked)

    def _found(self, final: Path, made: Mapping[str, Any]) -> Pulled:
        """Return what is there already, if it is this model, and signed where a key asks for it."""
        refuse_other(self.store, final.name, self.facts)
        self._signed(final, (made.get("zoo") or {}).get("checked") or {})
        return Pulled(self.facts, final, ())

    def _gather(self, staging: Path) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Fill the folder and examine it; return which files were fetched, and what was found."""
        facts = self.facts
        if (before := link_known(self.store, facts.card, staging)) is not None:
            return (), {**before, **self._signed(staging, before)}
        zoo = open_zoo(self.location, offline=self.offline)
        signature = self.trust.early(zoo, facts)
        fetched = gather(zoo, facts, staging, self.report, self.watch)
        return fetched, self.trust.look(zoo, facts, staging, signature)

    def _signed(self, folder: Path, before: Mapping[str, Any]) -> dict[str, Any]:
        """Check the signature of files that are here already, unless the pull that brought them did so by this key."""
        if self.trust.key is None or before.get("signed_by") == file_sha256(self.trust.key):
            return {}
        zoo = open_zoo(self.location, offline=self.offline)
        signature = self.trust.early(zoo, self.facts)
        self.store.pulls.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="signed-", dir=self.store.pulls) as apart:
            for name in self.facts.card.files:
                os.link(folder / name, Path(apart, name))
            return self.trust.signed(zoo, self.facts, Path(apart), signature)
