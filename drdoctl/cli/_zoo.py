"""What the zoo's verbs share: the option `--zoo`, and sizes in words."""

from __future__ import annotations

import click

ZOO = click.option(
    "--zoo",
    "location",
    metavar="LOCATION",
    default=None,
    help="Where zoo/NAME lives: a folder, a URL that fsspec opens, or hub:ORG (DRDOCTL_ZOO, then the user's "
    "config.yaml; without them what ships with drdoctl, then hub:drdoctl).",
)


def size_text(size: int) -> str:
    """Return bytes in the largest unit that leaves a number of one to three digits: `1.1 GB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"
