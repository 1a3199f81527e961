"""`drdoctl push`: publish an oracle or a student."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from drdoctl.cli._transfer import waiting
from drdoctl.cli._zoo import ZOO, size_text
from drdoctl.cli.options import Options, shared, verb

if TYPE_CHECKING:
    from drdoctl.zoo.card import Card

EXAMPLES = (
    "drdoctl push oracle-4c1e9a0b77d2 zoo/oracle-phi3-tldr --tag v1 --license mit",
    "drdoctl push align-0be77af4c1d2 zoo/student-opt1.3b --zoo shared/zoo",
    "drdoctl push align-0be77af4c1d2 zoo/student-opt1.3b --dry-run",
    "drdoctl push oracle-4c1e9a0b77d2 zoo/oracle-phi3-tldr --sign-key key.pem",
)


@verb("push", *EXAMPLES)
@click.argument("artifact")
@click.argument("name", metavar="zoo/NAME")
@ZOO
@click.option("--tag", metavar="vN", help="Name this revision for good; a tag never moves.")
@click.option("--license", "licence", metavar="SPDX", help="Licence; without it, the base model's, where known.")
@click.option("--public", is_flag=True, help="Make a new repository on the Hub public (default: private).")
@click.option("--dry-run", is_flag=True, help="List what would be uploaded; upload nothing.")
@click.option("--no-probe", is_flag=True, help="Do not load the model to put its scores and quality into the card.")
@click.option(
    "--sign-key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Private key (PEM, elliptic curve) to sign files and card with.",
)
@shared()
def command(
    options: Options,
    artifact: str,
    name: str,
    location: str | None,
    tag: str | None,
    licence: str | None,
    public: bool,
    dry_run: bool,
    no_probe: bool,
    sign_key: Path | None,
) -> None:
    """Publish an artifact as a name in the zoo.

    ARTIFACT is a name from `drdoctl ls artifacts` (or its beginning), or an artifact's folder. Every file is hashed
    first; only weights, configuration and tokenizer go up, with a card. For the card the model is loaded: it holds the
    scores of a few texts, which whoever pulls it compares, and how good it is on held-out pairs. Pushing the same
    artifact again changes nothing. HF_TOKEN gives the right to write to the Hub; it is never printed or stored.
    """
    from drdoctl.core.errors import UserError
    from drdoctl.engine.probe import carry_out
    from drdoctl.store.artifact import Store
    from drdoctl.zoo import PAGE, SIGNATURE_FILE
    from drdoctl.zoo.lineage import find
    from drdoctl.zoo.location import locate, new_tag, parse_ref, require_lasting
    from drdoctl.zoo.push import pack, push

    ref = parse_ref(name)
    if ref.revision and tag and ref.revision != tag:
        raise UserError(
            f"`{name}` and `--tag {tag}` name two tags",
            code="two-tags",
            hint=f"drop one: `{options.again(without=['--tag'])}`",
        )
    tag = new_tag(ref.name, tag or ref.revision)
    where = locate(location)
    require_lasting(where)
    store, found = find(Store(options.store), artifact)
    if sign_key is not None and not sign_key.is_file():
        raise UserError(f"there is no key `{sign_key}`", code="no-key", hint="give `--sign-key` a private key's path")
    measure = None if no_probe or dry_run else carry_out
    with waiting(options.console, "measuring what the card says"):
        package = pack(store, found, ref.name, licence=licence, measure=measure)
    for file in package.left_out:
        options.console.debug(f"{file}  stays here")
    if package.card.license is None:
        options.console.warning("the card states no licence; `--license SPDX` does")
    if dry_run:
        sizes: dict[str, int | None] = {**package.upload(tag, where, private=not public).sizes()}
        if not where.startswith("hub:"):
            del sizes[PAGE]  # only the Hub shows one
        _show(options, package.card, where, tag, None, sizes | ({SIGNATURE_FILE: None} if sign_key else {}))
        return
    for text in package.card.unmeasured:
        options.console.warning(text)
    with waiting(options.console, f"uploading {size_text(package.card.size)} to {where}"):
        revision = push(package, where, tag=tag, private=not public, offline=options.offline, key=sign_key)
    options.console.info(f"{found} is in {where}: {size_text(package.card.size)}")
    _show(options, package.card, where, tag, revision)


def _show(
    options: Options,
    card: Card,
    where: str,
    tag: str | None,
    revision: str | None,
    sizes: Mapping[str, int | None] | None = None,
) -> None:
    """Print the pushed name, or, where nothing was pushed, the files that would go up; None: made when it is pushed."""
    if options.json:
        document = {
            "format": 1,
            "name": f"zoo/{card.name}",
            "tag": tag,
            "revision": revision,
            "location": where,
            "artifact": card.artifact,
            "role": card.role,
            "license": card.license,
            "files": {file: entry.model_dump() for file, entry in sorted(card.files.items())},
        }
        options.console.json(document if sizes is None else {**document, "uploads": sizes})
    elif sizes is not None:
        rows = [(file, "made then" if size is None else size_text(size)) for file, size in sizes.items()]
        options.console.table(("file", "size"), rows)
    else:
        options.console.data(f"zoo/{card.name}@{tag or revision}")
