"""Body of the publish stage: measure, push, read back, write a receipt. Run again, it finds its work done."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.errors import ZooError
from drdoctl.core.files import write_json
from drdoctl.core.progress import Progress
from drdoctl.store.artifact import Store
from drdoctl.zoo.location import Ref, locate, parse_ref
from drdoctl.zoo.measured import Measure
from drdoctl.zoo.probes import Scorer
from drdoctl.zoo.pull import pull_to
from drdoctl.zoo.push import Package, pack, push
from drdoctl.zoo.resolve import ZooFacts, look_up
from drdoctl.zoo.trust import Trust

if TYPE_CHECKING:
    from drdoctl.stages import Job

STEPS = 3
"""Measured, pushed, read back."""


def run(job: Job, measure: Measure, scorer: Scorer, picked: Mapping[str, Any] | None = None) -> None:
    """Publish `inputs["artifact"]` as the name in the settings and leave `receipt.json`: what was published, and where.

    Reads the settings `publish.name`, `publish.private`, `publish.license`, and the locations `zoo`, `base` and
    `sign_key`. `measure` and `scorer` have the model: see `measured.measured` and `probes.check`. What was pushed is
    pulled back from the zoo, its hashes and probes compared. `picked`: what the artifact was picked by, where it was;
    noted in the receipt. Raises what `push` and `pull` raise; a later try goes on.
    """
    progress = Progress(job)
    settings, device = job.section("publish"), str(job.resources.get("device", "auto"))
    ref = parse_ref(str(settings["name"]))
    folder = Path(job.input("artifact"))
    store = Store(folder.parent.parent)
    progress.update(0, STEPS, unit="part")
    base = job.locations.get("base")
    package = pack(
        store, folder.name, ref.name, licence=settings.get("license"), base=base, measure=measure, device=device
    )
    progress.update(1, STEPS, unit="part")
    location = locate(job.locations.get("zoo"))
    key = job.locations.get("sign_key")
    kept = None if key else _kept(package, ref, location, offline=job.offline)
    revision = kept.revision if kept else _push(job, package, ref, location, Path(key) if key else None)
    card = kept.card if kept else package.card
    progress.update(2, STEPS, unit="part")
    checked = _read_back(job, Ref(ref.name, revision), location, scorer)
    receipt = {
        "format": 1,
        "name": ref.name,
        "tag": ref.revision,
        "location": location,
        "revision": revision,
        "artifact": folder.name,
        "fingerprint": card.fingerprint,
        **({"select": dict(picked)} if picked else {}),
        **({"kept": True} if kept else {}),
        "license": card.license,
        "card_sha256": hashlib.sha256(card.to_bytes()).hexdigest(),
        "signed": key is not None,
        **checked,
        "files": {name: entry.model_dump() for name, entry in card.files.items()},
    }
    write_json(job.path("receipt.json"), receipt)
    progress.update(STEPS, STEPS, unit="part")


def _kept(package: Package, ref: Ref, location: str, *, offline: bool) -> ZooFacts | None:
    """Return what a tag means that names this very artifact under this licence already, or None.

    Its card has the figures of the day it was published. A tag never moves, so later figures go out with another.
    """
    if ref.revision is None:
        return None
    try:
        there = look_up(ref, location, offline=offline)
    except ZooError:  # there is no such name or tag yet; what else is wrong, publishing will say
        return None
    same = (package.card.fingerprint, package.card.license) == (there.card.fingerprint, there.card.license)
    return there if same else None


def _push(job: Job, package: Package, ref: Ref, location: str, key: Path | None) -> str:
    private = bool(job.section("publish").get("private", True))
    try:
        return push(package, location, tag=ref.revision, private=private, offline=job.offline, key=key)
    except ZooError as error:
        if error.faults[0].code != "tag-exists":
            raise
        told = f"name another tag in the spec: `publish.{package.card.role}: zoo/{ref.name}@vN`, or none"
        raise ZooError([replace(fault, hint=told) for fault in error.faults]) from None


def _read_back(job: Job, ref: Ref, location: str, scorer: Scorer) -> dict[str, Any]:
    """Pull what was published into a work folder, as anybody would; return what was found beside the hashes."""
    back = job.path("work", "read-back")
    shutil.rmtree(back, ignore_errors=True)
    try:
        return dict(pull_to(back, str(ref), location, offline=job.offline, trust=Trust(scorer)).checked)
    finally:
        shutil.rmtree(back, ignore_errors=True)
