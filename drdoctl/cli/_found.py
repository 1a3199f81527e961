"""The model that a user means: an artifact of the store, a folder, or a name in the zoo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drdoctl.cli._trust import trust_of
from drdoctl.cli.options import Options
from drdoctl.core.adapters import ADAPTER_CONFIG
from drdoctl.core.commands import quoted
from drdoctl.core.errors import UserError

WORDS = {"oracle": "oracle", "sft": "model", "align": "model"}


@dataclass(frozen=True)
class Found:
    """A model on disk, and how training rendered its rows."""

    folder: Path
    template: str = "auto"
    dtype: str = "fp32"


def find_model(options: Options, text: str, location: str | None, kinds: Sequence[str]) -> Found:
    """Return the model, pulled where it is in the zoo, its files compared with their manifest.

    `kinds`: of stages whose artifacts will do, the first of which names them. Raises UserError for another kind.
    """
    from drdoctl.spec.weights import weight_files
    from drdoctl.store.artifact import Store
    from drdoctl.zoo.lineage import find, template_of
    from drdoctl.zoo.location import is_ref, locate
    from drdoctl.zoo.pull import pull

    store = Store(options.store)
    if is_ref(text):
        trust = trust_of(options, no_probe=False, key=None)
        artifact = pull(store, text, locate(location, ref=text), offline=options.offline, trust=trust).path.name
    elif _is_model(Path(text)) and not (Path(text) / "manifest.json").is_file():
        if not (Path(text) / ADAPTER_CONFIG).is_file():
            weight_files(Path(text), key="model")  # refuses pickles, with a remedy
        return Found(Path(text))
    else:
        store, artifact = find(store, text)
    manifest = store.manifest(artifact) or {}
    if manifest.get("kind") not in kinds:
        word = WORDS[kinds[-1]]
        raise UserError(
            f"`{artifact}` is no {word}",
            code=f"not-an-{word}" if word == "oracle" else f"not-a-{word}",
            hint=f"name one of the artifacts that begin with {' or '.join(f'`{kind}-`' for kind in kinds)}: "
            f"`drdoctl ls artifacts --store {quoted(store.root)}`",
        )
    store.verify_input(artifact)
    dtype = manifest["settings"].get("oracle.dtype", "fp32")
    return Found(store.path(artifact), template_of(store, manifest) or "auto", dtype)


def _is_model(folder: Path) -> bool:
    """Whether a folder holds a whole model or an adapter."""
    return (folder / "config.json").is_file() or (folder / ADAPTER_CONFIG).is_file()
