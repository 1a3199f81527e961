"""Push: a complete, verified artifact becomes a name in the zoo.

Only files on the allow list go up, read from the manifest: a stray file in the folder is never seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from drdoctl.core.adapters import ADAPTER_BASE, ADAPTER_CONFIG, ADAPTER_WEIGHTS
from drdoctl.core.commands import quoted
from drdoctl.core.errors import Fault, IntegrityError, UserError, ZooError
from drdoctl.core.files import read_json
from drdoctl.core.fingerprint import artifact_name, digest
from drdoctl.store.artifact import Store
from drdoctl.zoo import Upload, Zoo
from drdoctl.zoo.card import ROLES, SPDX, Card, FileEntry
from drdoctl.zoo.lineage import (
    COMMIT,
    HUB_ID,
    LICENCES,
    base_of,
    config_of,
    datasets_of,
    figures_of,
    parents_of,
    template_of,
)
from drdoctl.zoo.location import new_tag, open_zoo
from drdoctl.zoo.measured import Measure, measured
from drdoctl.zoo.page import render
from drdoctl.zoo.reproduce import spec_of
from drdoctl.zoo.safety import content_fault, publishable
from drdoctl.zoo.signing import sign


@dataclass(frozen=True)
class Package:
    """What a push would upload, and what it leaves at home."""

    card: Card
    files: dict[str, Path]
    left_out: tuple[str, ...]

    def upload(self, tag: str | None, location: str, *, private: bool) -> Upload:
        """Return the package as the zoo at a location takes it: its page says where it is, the card does not."""
        return Upload(self.card.to_bytes(), self.files, render(self.card, location), tag, private)


def pack(
    store: Store,
    artifact: str,
    name: str,
    *,
    licence: str | None = None,
    base: Mapping[str, Any] | None = None,
    measure: Measure | None = None,
    device: str = "auto",
) -> Package:
    """Return the package of an artifact. Hashes every file; IntegrityError (exit 5) where one has changed.

    `base`: where the plan found the base model. `measure`: what scores the probes for the card, and held-out pairs
    where nobody did yet (`measured.measured`); None: the card says only what the store holds. Raises UserError for a
    kind of artifact that is not published, StageFailed where the model cannot be loaded.
    """
    manifest = store.manifest(artifact)
    if manifest is None:
        raise UserError(
            f"there is no complete artifact `{artifact}` in `{store.root}`",
            code="unknown-artifact",
            hint=f"see `drdoctl ls artifacts --store {quoted(store.root)}`",
        )
    if manifest["kind"] not in ROLES:
        raise UserError(
            f"`{artifact}` is of kind `{manifest['kind']}`: only oracles and students are published",
            code="not-publishable",
            hint=f"push an artifact whose name begins with {', '.join(f'`{kind}-`' for kind in ROLES)}",
        )
    if licence is not None and not SPDX.fullmatch(licence):
        raise UserError(
            f"`{licence}` is not an SPDX id of a licence",
            code="license",
            hint="write one word such as `mit` or `apache-2.0`; `other` for one that has no id",
        )
    store.verify(artifact)
    folder = store.path(artifact)
    files = {file: folder / file for file in sorted(manifest["files"]) if publishable(file)}
    _refuse_content(artifact, files)
    fields = measured(store, artifact, measure, device)
    fields["whole_spec"], fields["plan_sha256"] = spec_of(store, manifest, artifact)
    card = _card(store, manifest, name, files, licence, base, fields)
    return Package(card, files, tuple(sorted(set(manifest["files"]) - set(files))))


def _refuse_content(artifact: str, files: Mapping[str, Path]) -> None:
    faults = [f"`{file}` of `{artifact}`: {fault}" for file, path in files.items() if (fault := content_fault(path))]
    if ADAPTER_CONFIG in files:
        _refuse_unpinned(artifact, files[ADAPTER_CONFIG])
        whole = {ADAPTER_BASE, ADAPTER_WEIGHTS} <= files.keys()
        faults += [] if whole else [f"the adapter `{artifact}` lacks `{ADAPTER_BASE}` or `{ADAPTER_WEIGHTS}`"]
    elif "config.json" not in files or not any(file.endswith(".safetensors") for file in files):
        faults.append(f"`{artifact}` has no `config.json` with weights in safetensors beside it")
    if faults:
        raise IntegrityError(
            [Fault("not-publishable", fault, None, "mend the model and run its stage again") for fault in faults]
        )


def _refuse_unpinned(artifact: str, config: Path) -> None:
    """Refuse an adapter whose base nobody else could load: no Hub id, or one that may move."""
    told = read_json(config) or {}
    base, revision = told.get("base_model_name_or_path"), told.get("revision")
    if not (isinstance(base, str) and HUB_ID.match(base) and COMMIT.match(str(revision)) and not Path(base).is_dir()):
        raise UserError(
            f"`{artifact}` is an adapter, and its base is not a commit on the Hub",
            code="unpinned-base",
            hint="publish the merged model (`lora: {merge: true}`), or name a Hub id and its commit as the base",
        )


def _card(
    store: Store,
    manifest: Mapping[str, Any],
    name: str,
    files: Mapping[str, Path],
    licence: str | None,
    location: Mapping[str, Any] | None,
    fields: Mapping[str, Any],
) -> Card:
    base = base_of(store, manifest, location)
    figures, warnings = figures_of(store, manifest["fingerprint"])
    origin = manifest.get("zoo") or {}
    figures = figures or origin.get("figures", [])
    return Card(
        format=1,
        name=name,
        role="oracle" if manifest["kind"] == "oracle" else "student",
        kind=manifest["kind"],
        base=base,
        datasets=datasets_of(store, manifest),
        template=template_of(store, manifest),
        spec_name=manifest["spec_name"],
        stage=manifest["id"],
        spec=manifest["settings"],
        spec_sha256=digest(manifest["settings"]),
        version=manifest["version"],
        fingerprint=manifest["fingerprint"],
        inputs=manifest["inputs"],
        input_ids=manifest["input_ids"],
        externals=manifest["externals"],
        metrics=manifest["metrics"],
        figures=figures,
        config=config_of(next(iter(files.values())).parent),
        license=licence or origin.get("license") or LICENCES.get(base.ref or ""),
        packages=manifest["packages"],
        created=manifest["created"],
        seconds=float(manifest["seconds"]),
        warnings=list(dict.fromkeys([*manifest["warnings"], *warnings, *_findings(store, manifest)])),
        files={file: FileEntry(**_entry(manifest["files"][file])) for file in files},
        parents=parents_of(store, manifest),
        **fields,
    )


def _findings(store: Store, manifest: Mapping[str, Any]) -> list[str]:
    """Return what `drdoctl doctor` sees in an artifact and in what was measured on it, but for mere notes."""
    from drdoctl.doctor.examine import examine

    about = [
        made
        for made in store.manifests()
        if made["fingerprint"] == manifest["fingerprint"]
        or (made["kind"] in ("rewards", "evaluate") and manifest["fingerprint"] in _looked_at(made["inputs"]))
    ]
    stages = [
        {"id": made["id"], "kind": made["kind"], "artifact": artifact_name(made["kind"], made["fingerprint"])}
        for made in about
    ]
    found = examine(store, stages)["findings"]
    return [f"`drdoctl doctor` says: {row['message']}" for row in found if row["severity"] != "note"]


def _looked_at(inputs: Mapping[str, str]) -> list[str]:
    """Return whom a stage of rewards or figures is about: its student, else its only reward model."""
    models = [mark for role, mark in inputs.items() if role.startswith("oracle-")]
    return [inputs["policy"]] if "policy" in inputs else models if len(models) == 1 else []


def _entry(fact: Mapping[str, Any]) -> dict[str, Any]:
    return {"sha256": fact["sha256"], "size": fact["size"]}


def push(
    package: Package,
    location: str,
    *,
    tag: str | None = None,
    private: bool = True,
    offline: bool = False,
    key: Path | None = None,
) -> str:
    """Upload a package and return the revision's id. The same package again changes nothing.

    `key`: a private key to sign card and files with. A signature that is there already stays.
    """
    name = package.card.name
    tag = new_tag(name, tag)
    zoo = open_zoo(location, offline=offline)
    upload = package.upload(tag, zoo.location, private=private)
    if key is not None:
        there = _signature_there(zoo, name, tag, upload.card)
        upload = replace(upload, signature=sign(upload.card, package.files, key, there))
    return zoo.publish(name, upload)


def _signature_there(zoo: Zoo, name: str, tag: str | None, card: bytes) -> bytes | None:
    """Return the signature of the same card, where an earlier push has left one."""
    for revision in (tag, None) if tag else (None,):
        try:
            found = zoo.resolve(name, revision)
            if zoo.card(name, found) == card and (signature := zoo.signature(name, found)):
                return signature
        except ZooError:  # there is no such name, tag or card yet; what else is wrong, publishing will say
            continue
    return None
