"""Where an artifact comes from, read from the manifests of the store: base model, data sets, figures."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from drdoctl.core.adapters import ADAPTER_BASE
from drdoctl.core.commands import quoted
from drdoctl.core.errors import UserError
from drdoctl.core.files import read_json
from drdoctl.core.fingerprint import artifact_name
from drdoctl.core.suggest import did_you_mean
from drdoctl.store.artifact import PARTIAL, Store
from drdoctl.store.folder import subfolders
from drdoctl.store.manifest import MANIFEST
from drdoctl.zoo.card import Base, Parent

LICENCES = {
    "HuggingFaceTB/SmolLM2-135M-Instruct": "apache-2.0",
    "microsoft/Phi-3-mini-4k-instruct": "mit",
    "facebook/opt-125m": "other",
    "facebook/opt-350m": "other",
    "facebook/opt-1.3b": "other",
    "facebook/opt-2.7b": "other",
}
"""Licences of the recipes' base models, which what is made from them inherits (OPT has one of its own: `other`)."""
DATASETS = {
    "ultrafeedback": "HuggingFaceH4/ultrafeedback_binarized",
    "hh-rlhf": "Anthropic/hh-rlhf",
    "tldr": "openai/summarize_from_feedback",
    "alpaca-eval": "tatsu-lab/alpaca_eval",
}
HUB_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
COMMIT = re.compile(r"^[0-9a-f]{40}$")


def find(store: Store, text: str) -> tuple[Store, str]:
    """Return the store and the artifact that a user means: a name, its beginning, or a folder (else UserError).

    Raises IntegrityError where its manifest is not as it was written.
    """
    path = Path(text)
    if path.is_dir() and (path / MANIFEST).is_file():
        path = path.resolve()
        return _sound(Store(path.parent.parent), path.name)
    folders = [folder for folder in subfolders(store.artifacts) if not folder.name.endswith(PARTIAL)]
    names = sorted(folder.name for folder in folders if (folder / MANIFEST).is_file())
    fitting = [text] if text in names else [name for name in names if name.startswith(text)]
    if len(fitting) == 1:
        return _sound(store, fitting[0])
    if fitting:
        raise UserError(
            f"`{text}` means several artifacts: {', '.join(f'`{name}`' for name in fitting)}",
            code="ambiguous-artifact",
            hint="write more of the name",
        )
    raise UserError(
        f"there is no complete artifact `{text}` in `{store.root}`",
        code="unknown-artifact",
        hint=did_you_mean(text, names) or f"see `drdoctl ls artifacts --store {quoted(store.root)}`",
    )


def _sound(store: Store, artifact: str) -> tuple[Store, str]:
    """Return them, once the manifest holds: what it says of its artifact is believed from here on."""
    store.verify(artifact, names=())
    return store, artifact


def ancestors(store: Store, manifest: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the manifest itself and those of its inputs that are in the store, nearest first."""
    known = {made["fingerprint"]: made for made in store.manifests()}
    queue = [dict(manifest)]
    seen = set()
    while queue:
        made = queue.pop(0)
        if made["fingerprint"] in seen:
            continue
        seen.add(made["fingerprint"])
        yield made
        queue += [known[mark] for mark in made["inputs"].values() if mark in known]


def base_of(store: Store, manifest: Mapping[str, Any], location: Mapping[str, Any] | None = None) -> Base:
    """Return the model that training started from.

    `location`: where the plan found it (`{"hub": id, "revision": commit}`); else only its hash may be known.
    """
    start = _start(store, manifest)
    noted = _noted(start)
    if noted:
        own = start["fingerprint"] == manifest["fingerprint"]  # pulled, and pushed on as it is
        known = noted.get("base") if own else {"ref": noted.get("ref"), "revision": noted.get("revision")}
        return Base(**(known or {}))
    key = "oracle.model" if "oracle.model" in start["externals"] else "student.model"
    place = location or start.get("origins", {}).get(key) or {}
    sha256 = start["externals"].get(key)
    revision = place.get("revision") or (sha256 if sha256 and COMMIT.match(sha256) else None)
    return Base(ref=_public(place.get("hub")), revision=revision, sha256=sha256)


def _start(store: Store, manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first artifact of a model's own line: from the role `policy` back to what came from outside."""
    known = {made["fingerprint"]: made for made in store.manifests()}
    while (before := manifest["inputs"].get("policy")) in known:
        manifest = known.pop(before)
    return manifest


def _public(value: Any) -> str | None:
    """Return a model's name if it is one that others can read: a Hub id or a zoo name, not a folder."""
    if not isinstance(value, str) or Path(value).exists():
        return None
    return value if HUB_ID.match(value) else None


def datasets_of(store: Store, manifest: Mapping[str, Any]) -> list[str]:
    """Return the Hub ids of the data sets that training read, where they have one."""
    found: set[str | None] = set()
    for made in ancestors(store, manifest):
        found.update(_noted(made).get("datasets") or [])
        source = made["settings"].get("data.source")
        if isinstance(source, dict):
            hub = source.get("hub")
            found.add(hub if isinstance(hub, str) else DATASETS.get(str(source.get("name"))))
    return sorted(name for name in found if name)


def template_of(store: Store, manifest: Mapping[str, Any]) -> Literal["auto", "none"] | None:
    """Return `data.template` as training read it, from the data stage or from the card; None where neither tells."""
    for made in ancestors(store, manifest):
        found = made["settings"].get("data.template") or _noted(made).get("template")
        if found in ("auto", "none"):
            return "auto" if found == "auto" else "none"
    return None


def _noted(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a pull noted in the manifest."""
    found = manifest.get("zoo")
    return found if isinstance(found, dict) else {}


def figures_of(store: Store, fingerprint: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the figures and warnings that the newest evaluate stage measured on a student.

    Raises IntegrityError where they are not as they were committed: what is published says what was measured.
    """
    for made in reversed(store.manifests()):
        if made["kind"] == "evaluate" and made["inputs"].get("policy") == fingerprint:
            artifact = artifact_name("evaluate", made["fingerprint"])
            store.verify(artifact, names=("figures.json",))
            found = read_json(store.path(artifact) / "figures.json") or {}
            return list(found.get("figures", [])), [str(warning) for warning in found.get("warnings", [])]
    return [], []


def parents_of(store: Store, manifest: Mapping[str, Any]) -> list[Parent]:
    """Return the artifacts that one rests on, nearest first: by fingerprint, and by name where the zoo has them."""
    noted = _noted(manifest).get("parents")
    if isinstance(noted, list):
        return [Parent.model_validate(plain) for plain in noted]
    published = _published(store)
    found = []
    for made in ancestors(store, manifest):
        if made["fingerprint"] == manifest["fingerprint"]:
            continue
        pulled = _noted(made)
        name, revision = published.get(made["fingerprint"], (None, None))
        found.append(
            Parent(
                id=made["id"],
                fingerprint=made["fingerprint"],
                externals=made["externals"],
                ref=pulled.get("ref") or name,
                revision=pulled.get("revision") or revision,
            )
        )
    return found


def _published(store: Store) -> dict[str, tuple[str, str]]:
    """Return fingerprint -> name and revision of what publish stages of the store have published."""
    found = {}
    for made in store.manifests():
        if made["kind"] == "publish":
            artifact = artifact_name("publish", made["fingerprint"])
            store.verify(artifact, names=("receipt.json",))
            receipt = read_json(store.path(artifact) / "receipt.json") or {}
            if isinstance(receipt.get("name"), str):
                mark = receipt.get("fingerprint") or made["inputs"]["artifact"]
                found[str(mark)] = (f"zoo/{receipt['name']}", str(receipt["revision"]))
    return found


def config_of(folder: Path) -> dict[str, Any]:
    """Return a model folder's `config.json`, an adapter's that of its base, or nothing where there is none."""
    try:
        if (folder / ADAPTER_BASE).is_file():
            found = json.loads((folder / ADAPTER_BASE).read_text(encoding="utf-8"))["config"]
        else:
            found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}
