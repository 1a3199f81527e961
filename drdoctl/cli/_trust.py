"""What `pull` and `verify` share: the options about probes and signatures, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli._transfer import waiting
from drdoctl.cli.options import Options

if TYPE_CHECKING:
    from drdoctl.zoo.probes import Stated
    from drdoctl.zoo.trust import Trust

NO_PROBE = click.option("--no-probe", is_flag=True, help="Do not load the model to compare its scores with the card's.")
VERIFY_KEY = click.option(
    "--verify-key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Public key (PEM) that must have signed the model (DRDOCTL_VERIFY_KEY).",
)


def trust_of(options: Options, *, no_probe: bool, key: Path | None) -> Trust:
    """Return how far to go; what is checked is told on stderr as it happens, and aloud where it was not checked."""
    from drdoctl.engine.probe import scorer
    from drdoctl.zoo.signing import verify_key
    from drdoctl.zoo.trust import Trust

    def say(text: str, checked: bool) -> None:
        (options.console.info if checked else options.console.warning)(text)

    plain = scorer()

    def score(folder: Path, stated: Stated) -> Mapping[str, Any]:
        with waiting(options.console, "scoring the card's probes"):  # torch alone takes seconds to load
            return plain(folder, stated)

    return Trust(None if no_probe else score, verify_key(key), say)
