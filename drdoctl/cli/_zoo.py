"""What the zoo's verbs share: the option `--zoo`, a folder for a model, and sizes in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click


class ModelFolder(click.Path):
    """A folder that a model goes to: anywhere but in a store, where it would look like an artifact, or go with `gc`."""

    def __init__(self) -> None:
        """Take paths as they are written."""
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path. Fails where it lies in a store."""
        found = Path(str(super().convert(value, param, ctx)))
        store = next((path for path in found.resolve().parents if (path / "store.json").is_file()), None)
        if store is not None:
            self.fail(
                f"`{found}` lies in the store `{store}`, which holds its own files alone: name another", param, ctx
            )
        return found


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
