"""A plan in a file: exactly what was planned, with all that is needed to carry it out without reading the spec again.

`{"format": 1, "kind": "drdoctl-plan", "plan": {...}, "source": {...}, "digest": "..."}`. The plan is
what `plan --json` prints. The source is the spec's text, its values after `--set`, and where it lay: paths on this
machine are here and nowhere in the plan. The digest covers all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from drdoctl import __version__
from drdoctl.core.commands import quoted
from drdoctl.core.errors import DrdoError, Fault, IntegrityError, Refused, UserError
from drdoctl.core.files import write_json
from drdoctl.core.fingerprint import digest
from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.diff import diff
from drdoctl.plan.types import Plan
from drdoctl.spec.facts import Facts
from drdoctl.spec.load import Loaded, load_data
from drdoctl.spec.source import parse
from drdoctl.store.artifact import Store

FORMAT = 1
KIND = "drdoctl-plan"
HEAD = 100
"""Characters in which a saved plan, its keys sorted, has shown its digest."""


@dataclass(frozen=True)
class Saved:
    """A saved plan that is whole."""

    path: Path
    plan: dict[str, Any]
    """As `plan --json` printed it."""
    text: str
    """The spec's text."""
    values: dict[str, Any]
    """The spec's values, `--set` included."""
    sets: tuple[str, ...]
    spec: Path
    """Where the spec lay: its relative paths start from there. The file itself is not read."""
    version: str
    """drdoctl's version."""

    @cached_property
    def loaded(self) -> Loaded:
        """Return the spec as it was when the plan was saved."""
        _, marks = parse(self.text, str(self.spec))
        # the values already hold `--set`: read again, its relative paths would start from another folder
        return replace(load_data(self.values, marks, self.text, self.spec), sets=self.sets)


def save(path: Path, plan: Plan, loaded: Loaded) -> None:
    """Write a plan to a file."""
    body = {
        "format": FORMAT,
        "kind": KIND,
        "version": __version__,
        "plan": plan.as_dict(),
        "source": {
            "text": loaded.text,
            "values": loaded.raw,
            "sets": list(loaded.sets),
            "path": str(loaded.path.resolve()),
        },
    }
    write_json(path, {**body, "digest": digest(body)})


def is_saved(path: Path) -> bool:
    """Tell whether a file is meant as a saved plan, whole or not: specs are YAML (or JSON with `data`), plans JSON."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    if path.suffix != ".json" and not text.startswith("{"):
        return False
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return path.suffix == ".json" or '"digest"' in text[:HEAD]
    return not (isinstance(found, dict) and "data" in found and "kind" not in found)


def load_saved(path: Path) -> Saved:
    """Read a saved plan. Raises UserError where there is none, IntegrityError (exit 5) where it was edited or cut."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise UserError(
            f"the plan `{path}` cannot be read: {error}",
            code="no-plan",
            hint="save one with `drdoctl plan SPEC --out FILE`",
        ) from error
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    again = "save it again with `drdoctl plan SPEC --out FILE`; a saved plan is not edited by hand"
    if not isinstance(found, dict) or found.get("kind") != KIND:
        raise IntegrityError(f"`{path}` is no whole saved plan", code="plan-damaged", hint=again)
    if found.get("format") != FORMAT:
        raise UserError(f"`{path}` has a format that this drdoctl does not know", code="plan-format", hint=again)
    body = {key: value for key, value in found.items() if key != "digest"}
    if _digest(body) != found.get("digest"):
        raise IntegrityError(f"`{path}` was changed after it was saved", code="plan-edited", hint=again)
    try:
        whole = _Body.model_validate(body, strict=True)
    except ValidationError:
        raise IntegrityError(f"`{path}` is no whole saved plan", code="plan-damaged", hint=again) from None
    source = whole.source
    return Saved(
        path=path,
        plan=found["plan"],
        text=source.text,
        values=source.values,
        sets=tuple(source.sets),
        spec=Path(source.path),
        version=whole.version,
    )


class _Stage(BaseModel):
    id: str
    action: str
    fingerprint: str
    artifact: str
    externals: dict[str, str]


class _Plan(BaseModel):
    stages: list[_Stage]


class _Source(BaseModel):
    text: str
    values: dict[str, Any]
    sets: list[str]
    path: str


class _Body(BaseModel):
    """What is read of a saved plan: a digest says that nothing was lost, not who wrote it."""

    version: str
    plan: _Plan
    source: _Source


def _digest(body: Any) -> str | None:
    """Return the digest, None for what no plan is saved with: numbers that are not finite, texts that are no UTF-8."""
    try:
        return digest(body)
    except (ValueError, RecursionError):
        return None


def check_fresh(saved: Saved, store: Store) -> Plan:
    """Return the plan of the saved spec as things are now: what an interrupted apply has done since is reused.

    Raises Refused (exit 6) where it would be another plan, naming each thing that moved.
    """
    loaded = saved.loaded
    facts = Facts(loaded.base, store.root, loaded.spec.zoo)
    try:
        now = diff(wanted(loaded.spec, facts), store, loaded)
    except UserError as error:
        raise _refused(saved, store, [fault.message for fault in error.faults]) from error
    moved = [*_version(saved), *_moved(saved.plan, now.as_dict())]
    if moved:
        raise _refused(saved, store, moved)
    return now


def _refused(saved: Saved, store: Store, moved: list[str]) -> DrdoError:
    sets = "".join(f" --set {quoted(text)}" for text in saved.sets)
    hint = (
        f"plan again: `drdoctl plan {quoted(saved.spec)}{sets} --out {quoted(saved.path)} --store {quoted(store.root)}`"
    )
    return Refused([Fault("stale-plan", f"`{saved.path}` is stale: {text}", None, hint) for text in moved])


def _version(saved: Saved) -> list[str]:
    if saved.version == __version__:
        return []
    return [f"it was made by drdoctl {saved.version}, this is {__version__}"]


def _moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each outside thing and artifact that is not as it was, or that nobody knew."""
    texts: dict[str, None] = {}
    before = {stage["id"]: stage for stage in old["stages"]}
    after = {stage["id"]: stage for stage in new["stages"]}
    for name in [*before, *(name for name in after if name not in before)]:
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            texts[f"stage `{name}` is {'new' if was is None else 'gone'}"] = None
            continue
        texts |= dict.fromkeys(_outside(was["externals"], now["externals"]))
        if was["action"] == "reuse" and now["action"] != "reuse" and was["fingerprint"] == now["fingerprint"]:
            texts[f"artifact `{was['artifact']}` of stage `{name}` is gone from the store"] = None
    changed = [name for name in before if name in after and before[name]["fingerprint"] != after[name]["fingerprint"]]
    if changed and not texts:
        texts[f"stages {', '.join(f'`{name}`' for name in changed)} would be made from something else"] = None
    return list(texts)


def _outside(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    moved = [f"`{key}` has other content" for key in {**old, **new} if old.get(key) != new.get(key)]
    vague = [mark for mark in new.values() if "@unresolved:" in mark and mark in old.values()]
    return moved + [
        f"the commit of `{mark.removeprefix('hub:').partition('@')[0]}` was not known when it was saved"
        for mark in vague
    ]
