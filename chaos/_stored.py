"""The files of a store, for the fuzzer: changed, and then read by the commands that tell of a store.

What vouches for them is mended half of the time, so that what reads them is reached, and not only what compares hashes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from chaos._command import command
from chaos._house import files, make
from chaos._loader import Loader
from chaos._mutate import dumps
from drdoctl.core.files import seal, write_json
from drdoctl.store.manifest import MANIFEST, OWN, sealed


def stores(work: Path) -> Iterator[Loader]:
    """Yield a loader for each kind of file in a store, which is made in the folder `work`."""
    root = work / "store"
    make(root)
    kinds: set[str] = set()
    for name, verbs in files(root):
        path = root / name
        kind = path.relative_to(root).parts[1].partition("-")[0] if "artifacts" in path.parts else ""
        label = f"{kind}-{path.name}" if kind else path.name
        if label not in kinds:
            kinds.add(label)
            yield _loader(f"store/{label}", path, [[*verb, "--store", str(root)] for verb in verbs])


def _loader(label: str, path: Path, verbs: list[list[str]]) -> Loader:
    seed = path.read_bytes()
    manifest = path.name == MANIFEST and OWN in json.loads(seed)

    def read(data: bytes) -> None:
        path.write_bytes(data)
        before = _vouched(path) if path.name == "metrics.jsonl" and sha256(data).digest()[0] % 2 else None
        try:
            for verb in verbs:
                command(verb)
        finally:
            path.write_bytes(seed)
            if before is not None:
                (path.parent / MANIFEST).write_bytes(before)

    return Loader(label, [seed, _old(seed)] if manifest else [seed], read, _sealed if manifest else None)


def _old(data: bytes) -> bytes:
    """Return a manifest as an earlier version wrote it, without a hash of its own."""
    return dumps({key: value for key, value in json.loads(data).items() if key != OWN})


def _sealed(data: bytes) -> bytes:
    """Return a manifest with the hash of what it says."""
    return dumps(sealed(json.loads(data)))


def _vouched(path: Path) -> bytes | None:
    """Let the manifest beside a file say of it what it holds now; return what the manifest was, if there is one."""
    place = path.parent / MANIFEST
    if not place.is_file():
        return None
    before = place.read_bytes()
    told = json.loads(before)
    told["files"][path.name] = seal(path)
    write_json(place, sealed(told))
    return before
