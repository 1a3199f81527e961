"""Body of the publish stage: measure, push, read back, write a receipt. Run again, it finds its work done."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import write_json
from drdoctl.core.progress import Progress
from drdoctl.store.artifact import Store
from drdoctl.zoo.location import Ref, locate, parse_ref
from drdoctl.zoo.measured import Measure
from drdoctl.zoo.probes import Scorer
from drdoctl.zoo.pull import pull_to
from drdoctl.zoo.push import pack, push
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
    revision = push(
        package,
        location,
        tag=ref.revision,
        private=bool(settings.get("private", True)),
        offline=job.offline,
        key=Path(key) if key else None,
    )
    progress.update(2, STEPS, unit="part")
    checked = _read_back(job, Ref(ref.name, revision), location, scorer)
    receipt = {
        "format": 1,
        "name": ref.name,
        "tag": ref.revision,
        "location": location,
        "revision": revision,
        "artifact": folder.name,
        "fingerprint": package.card.fingerprint,
        **({"select": dict(picked)} if picked else {}),
        "license": package.card.license,
        "card_sha256": hashlib.sha256(package.card.to_bytes()).hexdigest(),
        "signed": key is not None,
        **checked,
        "files": {name: entry.model_dump() for name, entry in package.card.files.items()},
    }
    write_json(job.path("receipt.json"), receipt)
    progress.update(STEPS, STEPS, unit="part")


def _read_back(job: Job, ref: Ref, location: str, scorer: Scorer) -> dict[str, Any]:
    """Pull what was published into a work folder, as anybody would; return what was found beside the hashes."""
    back = job.path("work", "read-back")
    shutil.rmtree(back, ignore_errors=True)
    try:
        return dict(pull_to(back, str(ref), location, offline=job.offline, trust=Trust(scorer)).checked)
    finally:
        shutil.rmtree(back, ignore_errors=True)
