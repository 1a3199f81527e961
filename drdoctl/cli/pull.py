"""`drdoctl pull`: bring an oracle or a student from the zoo into the store, checked."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli._transfer import arriving
from drdoctl.cli._trust import NO_PROBE, VERIFY_KEY, trust_of
from drdoctl.cli._zoo import ZOO, ModelFolder, size_text
from drdoctl.cli.options import Options, shared, verb

if TYPE_CHECKING:
    from drdoctl.zoo.resolve import ZooFacts

EXAMPLES = (
    "drdoctl pull zoo/oracle-phi3-tldr@v2",
    "drdoctl pull zoo/oracle-phi3-tldr --to models/oracle",
    "drdoctl pull zoo/oracle-phi3-tldr --zoo shared/zoo --dry-run",
    "drdoctl pull zoo/oracle-phi3-tldr --verify-key publisher.pem",
)


@verb("pull", *EXAMPLES)
@click.argument("name", metavar="zoo/NAME[@REVISION]")
@ZOO
@click.option("--to", "target", type=ModelFolder(), help="Put the files into this folder, not the store.")
@click.option("--dry-run", is_flag=True, help="List the files and their sizes; fetch nothing.")
@NO_PROBE
@VERIFY_KEY
@shared()
def command(
    options: Options,
    name: str,
    location: str | None,
    target: Path | None,
    dry_run: bool,
    no_probe: bool,
    verify_key: Path | None,
) -> None:
    """Pull an oracle or a student from the zoo.

    The name is resolved once, every file is checked against its sha256 and its format, the model is loaded and must
    give its card's scores for a few texts (probes), and only then the artifact appears in the store, under the
    fingerprint it was made with: plans that need it reuse it. Pulling again fetches nothing.
    """
    from drdoctl.store.artifact import Store
    from drdoctl.zoo.location import locate, parse_ref
    from drdoctl.zoo.pull import pull, pull_to
    from drdoctl.zoo.resolve import look_up

    where = locate(location, ref=name)
    if dry_run:
        _list(options, look_up(parse_ref(name), where, offline=options.offline))
        return
    console = options.console
    trust = trust_of(options, no_probe=no_probe, key=verify_key)

    def report(file: str, size: int) -> None:
        console.debug(f"{file}  {size_text(size)}  checked")

    def watch(folder: Path, size: int) -> AbstractContextManager[None]:
        return arriving(console, f"pull {name}", folder, size)

    how: dict[str, Any] = {"offline": options.offline, "report": report, "watch": watch, "trust": trust}
    if target is not None:
        pulled = pull_to(target, name, where, **how)
    else:
        pulled = pull(Store(options.store), name, where, **how)
    card = pulled.facts.card
    done = f"{len(pulled.fetched)} of {len(card.files)} files fetched" if pulled.fetched else "nothing to fetch"
    console.info(f"{pulled.facts.ref} at {pulled.facts.revision[:12]}: {done}, {size_text(card.size)}, all checked")
    _licence(options, pulled.facts)
    if options.json:
        told = {"path": str(pulled.path), "fetched": list(pulled.fetched), "checked": dict(pulled.checked)}
        console.json({**_facts(pulled.facts), **told})
    else:
        console.data(str(pulled.path))


def _list(options: Options, facts: ZooFacts) -> None:
    _licence(options, facts)
    if options.json:
        options.console.json(_facts(facts))
        return
    rows = [(name, size_text(entry.size)) for name, entry in sorted(facts.card.files.items())]
    options.console.table(("file", "size"), rows)


def _licence(options: Options, facts: ZooFacts) -> None:
    options.console.info(f"licence: {facts.card.license or 'not stated; ask whoever published it'}")


def _facts(facts: ZooFacts) -> dict[str, Any]:
    return {
        "format": 1,
        "name": facts.ref,
        "revision": facts.revision,
        "artifact": facts.card.artifact,
        "role": facts.card.role,
        "license": facts.card.license,
        "files": {name: entry.model_dump() for name, entry in sorted(facts.card.files.items())},
    }
