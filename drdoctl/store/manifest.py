"""What `manifest.json` holds: where an artifact comes from, what it consists of, and what it took to make.

It vouches for the files by their hashes, and for itself by a hash over all its other keys. That is against bits that
turn over and figures that are changed by hand; whoever means harm can write both, which is what signatures are for.
"""

from __future__ import annotations

import math
import os
import platform
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import read_json
from drdoctl.core.fingerprint import artifact_name, digest

if TYPE_CHECKING:
    from drdoctl.stages import Want

FORMAT = 1
MANIFEST = "manifest.json"
PACKAGES = (
    "drdoctl",
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "deepspeed",
    "datasets",
    "numpy",
    "pyarrow",
)
SHAPE: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "kind": str,
    "id": str,
    "spec_name": str,
    "fingerprint": str,
    "version": int,
    "settings": dict,
    "inputs": dict,
    "input_ids": dict,
    "externals": dict,
    "warnings": list,
    "files": dict,
    "metrics": dict,
    "packages": dict,
    "host": dict,
    "seconds": (int, float),
    "created": str,
}
OWN = "sha256"
"""Key of the manifest's hash of itself."""
KNOWN = frozenset({*SHAPE, "origins", "number", "zoo"})
"""All keys of a manifest of before there was a hash: among others, the hash may be what is damaged."""
WORDS = ("inputs", "input_ids", "externals", "packages")
"""Mappings from words to words."""
MADE_OF = ("kind", "version", "settings", "inputs", "externals")
"""What the fingerprint is made of."""


def describe(
    want: Want, spec_name: str, files: Mapping[str, Any], metrics: Mapping[str, Any], seconds: float
) -> dict[str, Any]:
    """Return the manifest of what was made for `want`. `files`: name -> sha256, size; `seconds`: all runs together."""
    return {
        "format": FORMAT,
        "kind": want.kind,
        "id": want.id,
        "spec_name": spec_name,
        "fingerprint": want.fingerprint,
        "version": want.version,
        "settings": dict(want.settings),
        "inputs": {role: other.fingerprint for role, other in want.inputs.items()},
        "input_ids": {role: other.id for role, other in want.inputs.items()},
        "externals": dict(want.externals),
        "origins": _origins(want.locations),
        "warnings": list(want.warnings),
        "files": dict(files),
        "metrics": dict(metrics),
        "packages": packages(),
        "host": host(),
        "seconds": round(seconds, 3),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _origins(locations: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Hub ids and commits among the places that were read: what others can read too, unlike a path."""
    hubs = {key: place for key, place in locations.items() if isinstance(place, Mapping) and "hub" in place}
    return {key: {"hub": place["hub"], "revision": place.get("revision")} for key, place in hubs.items()}


def number_of(manifest: Mapping[str, Any]) -> int:
    """Return which artifact of its store it was, from 1 on; 0 for those of before there were numbers, and pulled ones.

    Clocks are set back, and seconds are too coarse: `created` is for people.
    """
    found = manifest.get("number")
    return found if isinstance(found, int) else 0


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest with the hash of its own content: what is written, whoever writes or changes one."""
    told = {key: value for key, value in manifest.items() if key != OWN}
    return {**told, OWN: digest(told)}


def fingerprint_of(made: Mapping[str, Any]) -> str:
    """Return the fingerprint that a manifest's own fields give (the same sum as `stages.Want.fingerprint`)."""
    return digest({key: made[key] for key in MADE_OF})


def read(folder: Path, artifact: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return the manifest that lies in a folder, or None and what is wrong with it; twice None where none lies there.

    `artifact`: whose it must be.
    """
    path = folder / MANIFEST
    try:
        found = read_json(path)
    except OSError:
        found = None
    if found is None:
        return None, "is not readable JSON" if path.exists() else None
    fault = well_formed(found, artifact)
    return (None, fault) if fault else (dict(found), None)


def well_formed(manifest: Any, artifact: str) -> str | None:
    """Return what is wrong with a manifest: its shape, its fingerprint or its own hash; or None.

    One that an earlier version wrote has no hash, and only keys that such a version knew. Files are not looked at.
    """
    if not isinstance(manifest, dict):
        return "is no mapping"
    fault = _misshapen(manifest)
    if fault is not None:
        return fault
    if artifact != artifact_name(manifest["kind"], manifest["fingerprint"]):
        return "belongs to another artifact"
    told = {key: value for key, value in manifest.items() if key != OWN}
    try:
        if manifest["fingerprint"] != fingerprint_of(manifest):
            return "has settings or inputs that are not those of its fingerprint"
        same = manifest[OWN] == digest(told) if OWN in manifest else told.keys() <= KNOWN
    except (ValueError, RecursionError):  # numbers that no JSON has, halves of characters, depth
        same = False
    return None if same else "is not as it was written: its own sha256 is another"


def _misshapen(manifest: Mapping[str, Any]) -> str | None:
    """Return what is wrong with keys and types, or None."""
    wrong = [key for key, kind in SHAPE.items() if not isinstance(manifest.get(key), kind)]
    wrong += [key for key in WORDS if not wrong and not all(isinstance(word, str) for word in manifest[key].values())]
    wrong += ["warnings"] if not wrong and not all(isinstance(text, str) for text in manifest["warnings"]) else []
    wrong += [key for key in ("zoo", "origins") if not isinstance(manifest.get(key, {}), dict)]
    if wrong:
        return f"has no valid `{wrong[0]}`"
    if manifest["format"] != FORMAT:
        return f"has format {manifest['format']}, which this drdoctl does not know"
    if not 0 <= manifest["seconds"] < math.inf:
        return "has no valid `seconds`"
    wrong = [name for name, fact in manifest["files"].items() if not _sound(name, fact)]
    return f"has no valid entry for `{wrong[0]}`" if wrong else None


def _sound(name: str, fact: Any) -> bool:
    """Whether a file's entry has its hash and size, and the name is one on a disk that stays inside the artifact."""
    try:
        os.fsencode(name)
    except UnicodeEncodeError:
        return False
    inside = bool(name) and "\0" not in name and not name.startswith("/") and ".." not in Path(name).parts
    known = isinstance(fact, dict) and isinstance(fact.get("sha256"), str) and isinstance(fact.get("size"), int)
    return inside and known


@cache
def packages() -> dict[str, str]:
    """Return the versions that a result may depend on."""
    return versions(PACKAGES)


def versions(names: Iterable[str]) -> dict[str, str]:
    """Return Python's version and those of installed packages, from their metadata: nothing is imported."""
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@cache
def host() -> dict[str, Any]:
    """Return what the machine is: platform, processor, usable cores, memory in GiB."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": cores(),
        "memory_gib": round(memory, 1),
    }


def cores() -> int:
    """Return how many cores this process may use: its affinity, and a container's quota where there is one."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        return max(1, min(usable, round(int(quota) / int(period))))
    except (OSError, ValueError):
        return usable
