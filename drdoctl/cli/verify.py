"""`drdoctl verify`: check every file of an artifact, here or in the zoo."""

from __future__ import annotations

from pathlib import Path

import click

from drdoctl.cli._trust import NO_PROBE, VERIFY_KEY, trust_of
from drdoctl.cli._zoo import ZOO, size_text
from drdoctl.cli.options import Options, shared, verb

EXAMPLES = (
    "drdoctl verify oracle-4c1e9a0b77d2",
    "drdoctl verify models/oracle",
    "drdoctl verify zoo/oracle-phi3-tldr@v2",
)


@verb("verify", *EXAMPLES)
@click.argument("what", metavar="ARTIFACT|PATH|zoo/NAME")
@ZOO
@NO_PROBE
@VERIFY_KEY
@shared()
def command(options: Options, what: str, location: str | None, no_probe: bool, verify_key: Path | None) -> None:
    """Check an artifact's files and its scores.

    Each file must have its sha256, weights must be safetensors, and nothing may be missing or more. Then the model is
    loaded and must give the scores of the card's probes. For zoo/NAME every file is downloaded, and nothing is kept.
    Exit 5 names each file and each probe that differs.
    """
    from drdoctl.store.artifact import Store
    from drdoctl.zoo.lineage import find
    from drdoctl.zoo.location import is_ref, locate
    from drdoctl.zoo.verify import verify_folder, verify_zoo

    trust = trust_of(options, no_probe=no_probe, key=verify_key)
    if is_ref(what):
        found = verify_zoo(what, locate(location, ref=what), offline=options.offline, trust=trust)
    elif Path(what).is_dir():
        found = verify_folder(Path(what).resolve(), trust)
    else:
        store, artifact = find(Store(options.store), what)
        found = verify_folder(store.path(artifact), trust)
    options.console.info(f"{found.files} files, {size_text(found.size)}: all as listed")
    if options.json:
        counts = {"files": found.files, "size": found.size}
        options.console.json({"format": 1, "what": found.what, **counts, "checked": dict(found.checked)})
    else:
        options.console.data(found.what)
