"""Body of the publish stage: push the artifact, write a receipt. Run again, it finds its work done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from drdoctl.core.files import write_json
from drdoctl.core.progress import Progress
from drdoctl.store.artifact import Store
from drdoctl.zoo.location import locate, parse_ref
from drdoctl.zoo.push import pack, push

if TYPE_CHECKING:
    from drdoctl.stages import Job


def run(job: Job) -> None:
    """Publish `inputs["artifact"]` as the name in the settings and leave `receipt.json`: name, tag, revision, files.

    Reads the settings `publish.name`, `publish.private`, `publish.license`, and the locations `zoo` and `base`.
    Raises what `push` raises; a later try goes on.
    """
    progress = Progress(job)
    settings = job.section("publish")
    ref = parse_ref(str(settings["name"]))
    folder = Path(job.input("artifact"))
    store = Store(folder.parent.parent)
    package = pack(store, folder.name, ref.name, licence=settings.get("license"), base=job.locations.get("base"))
    progress.update(0, 1, unit="push")
    location = locate(job.locations.get("zoo"))
    revision = push(
        package,
        location,
        tag=ref.revision,
        private=bool(settings.get("private", True)),
        offline=job.offline,
    )
    receipt = {
        "format": 1,
        "name": ref.name,
        "tag": ref.revision,
        "location": location,
        "revision": revision,
        "artifact": folder.name,
        "license": package.card.license,
        "files": {name: entry.model_dump() for name, entry in package.card.files.items()},
    }
    write_json(job.path("receipt.json"), receipt)
    progress.update(1, 1, unit="push")
