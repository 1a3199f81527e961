"""Which commit a Hub id means: from a pinned revision, the store's lock file or the local cache, without the network.

`HubRefs.look_up` is the one function that asks the Hub; only `apply` calls it, before anything runs.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from drdoctl.core.errors import Fault, ZooError
from drdoctl.core.files import read_json, write_json

LOCK_FILE = "hub-refs.json"
FORMAT = 1
HUB_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?$")
COMMIT = re.compile(r"^[0-9a-f]{40}$")
DEFAULT_REVISION = "main"
Kind = Literal["model", "dataset"]


@dataclass(frozen=True)
class HubRef:
    """A repository on the Hub at a revision, and the commit that means, where known."""

    kind: Kind
    id: str
    revision: str
    commit: str | None

    @property
    def identity(self) -> str:
        """Return what stands for its content in a plan."""
        return f"hub:{self.id}@{self.commit}" if self.commit else f"hub:{self.id}@unresolved:{self.revision}"

    @property
    def location(self) -> dict[str, Any]:
        """Return where a stage finds it."""
        return {"hub": self.id, "revision": self.commit or self.revision}

    @property
    def key(self) -> str:
        """Return its name in the lock file."""
        return f"{self.kind} {self.id}@{self.revision}"


class HubRefs:
    """What is known on this machine of the Hub's revisions."""

    def __init__(self, store_root: Path | None) -> None:
        """`store_root`: need not be there."""
        self._lock = store_root / LOCK_FILE if store_root is not None else None
        self._locked = self._read()

    def resolve(self, kind: Kind, name: str, revision: str | None) -> HubRef:
        """Return the repository with its commit, as far as files tell."""
        asked = revision or DEFAULT_REVISION
        ref = HubRef(kind, name, asked, None)
        commit = asked if COMMIT.match(asked) else self._locked.get(ref.key) or _cached_commit(kind, name, asked)
        return HubRef(kind, name, asked, commit)

    def look_up(self, refs: Iterable[HubRef], *, offline: bool = False) -> None:
        """Ask the Hub for each commit and remember it. Raises ZooError (exit 4) naming all that cannot be told."""
        wanted = {ref.key: ref for ref in refs if ref.commit is None}
        faults = []
        for ref in wanted.values():
            try:
                self._locked[ref.key] = _ask(ref, offline=offline)
            except ZooError as error:
                faults.extend(error.faults)
        if faults:
            raise ZooError(faults)
        if wanted and self._lock is not None:
            write_json(self._lock, {"format": FORMAT, "refs": self._locked})

    def _read(self) -> dict[str, str]:
        found = read_json(self._lock) if self._lock is not None else None
        refs = found.get("refs") if isinstance(found, dict) and found.get("format") == FORMAT else None
        refs = refs if isinstance(refs, dict) else {}
        return {key: value for key, value in refs.items() if isinstance(value, str) and COMMIT.match(value)}


def cache_folder() -> Path:
    """Return the Hub client's cache folder, as its own environment variables say."""
    if own := os.environ.get("HF_HUB_CACHE"):
        return Path(own).expanduser()
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"), "huggingface")
    return Path(home).expanduser() / "hub"


def cached_file(ref: HubRef, name: str) -> Path | None:
    """Return a file of the repository in the local cache, or None."""
    path = _repository(ref.kind, ref.id) / "snapshots" / (ref.commit or "-") / name
    return path if path.is_file() else None


def cached_config(ref: HubRef) -> dict[str, Any] | None:
    """Return the repository's `config.json` from the local cache, or None."""
    path = cached_file(ref, "config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8")) if path else None
    except (OSError, ValueError):
        return None
    return config if isinstance(config, dict) else None


def _repository(kind: Kind, name: str) -> Path:
    return cache_folder() / f"{kind}s--{name.replace('/', '--')}"


def _cached_commit(kind: Kind, name: str, revision: str) -> str | None:
    try:
        text = (_repository(kind, name) / "refs" / revision).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return None
    return text if COMMIT.match(text) else None


def _ask(ref: HubRef, *, offline: bool) -> str:
    pin = f"pin it with `revision:` and a 40-digit commit, or name a local folder in place of `{ref.id}`"
    if offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise ZooError(
            [
                Fault(
                    "hub-unresolved",
                    f"which commit `{ref.id}` means at `{ref.revision}` is not known here, and this is an offline run",
                    hint=f"run once with the network, or {pin}",
                )
            ]
        )
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        commit = HfApi().repo_info(ref.id, repo_type=ref.kind, revision=ref.revision, timeout=20).sha
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ZooError([Fault("hub", f"the Hub does not tell what `{ref.id}` is: {why}", hint=pin)]) from error
    except Exception as error:  # the client's transport raises its own errors, which differ between its versions
        if type(error).__module__.split(".")[0] not in ("httpx", "httpcore", "requests", "urllib3"):
            raise
        raise ZooError([Fault("network", f"the Hub cannot be reached for `{ref.id}`: {error}", hint=pin)]) from error
    if not commit:
        raise ZooError([Fault("hub", f"the Hub gives no commit for `{ref.id}` at `{ref.revision}`", hint=pin)])
    return str(commit)
