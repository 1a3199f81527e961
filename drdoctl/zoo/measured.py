"""What a card says of a model beside its identity: probes, rewards, quality. From the store where they are there.

What the store lacks is measured while it is published, by a child that has torch (`engine.probe`), and remembered in
`cache/cards/`: pushing the same artifact again gives the same card.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drdoctl.core.files import read_json, write_json
from drdoctl.core.fingerprint import artifact_name, digest
from drdoctl.store.artifact import Store
from drdoctl.zoo.lineage import config_of, template_of
from drdoctl.zoo.probes import TEXTS, tolerances

FIELDS = ("probes", "tolerance", "rendering", "reward", "quality", "unmeasured")
"""The card's fields that are made here."""
CACHE = "cache/cards"
OF_ORACLE = "evaluate.of"
METRICS = ("value", "low", "high", "count")
NOT_PROBED = "probes: it was published without them"
BY_HAND = "the lines of the page do not give the tokens of training for every probe: score with `drdoctl score`"

Measure = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Carries out a request as `train.probe.run` does."""


def noted(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the card of a pulled artifact said: it goes on with the artifact."""
    found = (manifest.get("zoo") or {}).get("measured")
    return dict(found) if isinstance(found, dict) else {}


def measured(store: Store, artifact: str, measure: Measure | None, device: str = "auto") -> dict[str, Any]:
    """Return the card's fields `FIELDS` of a complete artifact. `measure` None: only what is there already.

    Raises StageFailed where the model cannot be loaded: nobody else could load it either.
    """
    manifest = store.manifest(artifact) or {}
    if found := noted(manifest):
        return found
    cache, key = store.root / CACHE / f"{artifact}.json", _key(store, manifest)
    kept = read_json(cache)
    if isinstance(kept, dict) and kept.get("key") == key:
        return dict(kept["fields"])
    quality, about = quality_of(store, manifest["fingerprint"])
    pairs, oracle = _pairs(store, manifest), manifest["kind"] == "oracle"
    if measure is None:
        return _joined({"unmeasured": [NOT_PROBED]}, quality, about, pairs, oracle=oracle)
    folder = store.path(artifact)
    told = measure(
        {
            "model": str(folder.resolve()),
            "role": "oracle" if oracle else "student",
            "template": template_of(store, manifest) or "auto",
            "choose": [dict(text) for text in TEXTS],
            "config": config_of(folder),
            "pairs": pairs,
            "device": device,
        }
    )
    fields = _joined(dict(told), quality, about, pairs, oracle=oracle)
    write_json(cache, {"format": 1, "key": key, "fields": fields})
    return fields


def _key(store: Store, manifest: Mapping[str, Any]) -> str:
    """Return a hash over all that the fields rest on: a student's on its files and the texts alone."""
    files = {name: fact["sha256"] for name, fact in manifest["files"].items()}
    texts = [dict(text) for text in TEXTS]
    if manifest["kind"] != "oracle":
        return digest({"files": files, "texts": texts})
    quality, about = quality_of(store, manifest["fingerprint"])
    pairs = {
        name: str(place).removeprefix(str(store.root.resolve()))
        for name, place in (_pairs(store, manifest) or {}).items()
    }
    return digest({"files": files, "texts": texts, "quality": quality, "about": about, "pairs": pairs})


def _joined(
    found: dict[str, Any], quality: dict[str, Any], about: str, pairs: Mapping[str, Any] | None, *, oracle: bool
) -> dict[str, Any]:
    fields: dict[str, Any] = {name: found[name] for name in ("probes", "rendering", "reward") if found.get(name)}
    missing = list(found.get("unmeasured", []))
    if "skipped" in found:
        missing.append(f"probes: {found['skipped']}")
    if fields.get("probes"):
        scores = [probe["score"] for probe in fields["probes"]]
        fields["tolerance"] = tolerances(scores, found["difference"])
        missing += [] if found["by_hand"] else [BY_HAND]
    if "pairs" in found and pairs is not None:
        count, total = found["pairs"]
        of = f"all {total:,}" if count == total else f"the first {count:,} of {total:,}"
        told = f"{of} held-out pairs of `{Path(pairs['data']).name}`"
        fields["reward"] = {**fields["reward"], "data": told}
        quality = quality or {**found["quality"], "data": told}
    elif quality:
        quality = {**quality, "data": about}
    if quality:
        fields["quality"] = {"data": about, **quality}
    elif oracle and pairs is None:
        missing.append("quality: the data it was trained on is not in the store that published it")
    return {**fields, **({"unmeasured": missing} if missing else {})}


def quality_of(store: Store, fingerprint: str) -> tuple[dict[str, Any], str]:
    """Return a reward model's figures on held-out pairs, as an `oracle-quality` stage measured them, and on what.

    Raises IntegrityError where the file is not as it was committed.
    """
    for made in reversed(store.manifests()):
        roles = [role for role, mark in made["inputs"].items() if role.startswith("oracle-") and mark == fingerprint]
        if made["kind"] != "evaluate" or made["settings"].get(OF_ORACLE) is None or not roles:
            continue
        artifact = artifact_name("evaluate", made["fingerprint"])
        store.verify(artifact, names=("figures.json",))
        told = read_json(store.path(artifact) / "figures.json") or {}
        figures = [one for one in told.get("figures", []) if one.get("test_set") is None]
        whole, agreement = _whole(figures, alone=_members(made) == 1, group=f"member {roles[0][7:]}")
        if whole:
            data = artifact_name("data", made["inputs"]["data"])
            return {**whole, **agreement}, f"the held-out pairs of `{data}`"
    return {}, ""


def _members(made: Mapping[str, Any]) -> int:
    return sum(role.startswith("oracle-") for role in made["inputs"])


def _whole(
    figures: list[dict[str, Any]], *, alone: bool, group: str
) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """Return one member's figures, and how the members agree: those of an ensemble's mean are not the member's."""
    own = [one for one in figures if one.get("group") == (None if alone else group)]
    found = {one["metric"]: {name: one.get(name) for name in METRICS} for one in own if one.get("value") is not None}
    agree = [one for one in figures if str(one["metric"]).startswith("member_")]
    told = [{name: one.get(name) for name in ("metric", "group", *METRICS)} for one in agree]
    return found, {"agreement": told} if told else {}


def _pairs(store: Store, manifest: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where held-out pairs are for a reward model, and where a rewards stage has scored them already."""
    data = artifact_name("data", str(manifest["inputs"].get("data", "")))
    made = store.manifest(data) or {"files": {}}
    if manifest["kind"] != "oracle" or "eval.parquet" not in made["files"]:
        return None
    who = str(manifest["settings"].get("oracle.tokens", "oracle"))
    found: dict[str, Any] = {"data": str(store.path(data).resolve()), "who": who}
    for made in store.manifests():
        same = made["kind"] == "rewards" and made["inputs"].get("data") == manifest["inputs"]["data"]
        roles = [role for role, mark in made["inputs"].items() if mark == manifest["fingerprint"]] if same else []
        if roles and roles[0].startswith("oracle-"):
            file = store.path(artifact_name("rewards", made["fingerprint"])) / "eval.parquet"
            return {**found, "rewards": str(file.resolve()), "member": int(roles[0][7:])}
    return found
