"""From wanted stages and a store to a plan: what is there, what goes on, what runs, and why. Reads only."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from drdoctl.core.files import read_json
from drdoctl.plan.batches import crowded
from drdoctl.plan.estimate import estimates
from drdoctl.plan.fit import fit_of, fit_text
from drdoctl.plan.grid import grid_of
from drdoctl.plan.seconds import assumption
from drdoctl.plan.sizes import basis_of
from drdoctl.plan.types import Action, Change, Plan, PlannedStage, Reason
from drdoctl.spec.folder import is_absent
from drdoctl.stages import Want
from drdoctl.stages.blueprint import is_pull
from drdoctl.store.artifact import Store
from drdoctl.store.manifest import MANIFEST, read
from drdoctl.store.whole import lacks

if TYPE_CHECKING:
    from drdoctl.spec.load import Loaded

KEPT = {
    "data": "the old rows are kept",
    "sft": "the old model is kept",
    "oracle": "the old oracle is kept",
    "rewards": "the old rewards are kept",
    "logps": "the old log-probabilities are kept",
    "align": "the old student is kept",
    "evaluate": "the old figures are kept",
    "publish": "what was published stays",
}
SHOWN = 3
"""Changes named in a reason's text; the others are counted, and all are in `changed`."""
LONGEST = 40
"""Characters of a value that is shown in a text."""
MARK_DIGITS = 12


def diff(wants: Sequence[Want], store: Store, loaded: Loaded) -> Plan:
    """Return the plan: an action, a reason and an estimate for each stage, in the order given."""
    spec = loaded.spec
    resources = spec.resources.model_dump(mode="json")
    basis = basis_of(wants, store)
    # the newest artifact that this spec made under each name
    before = {made["id"]: made for made in basis.manifests if made["spec_name"] == spec.name}
    stages = []
    found = estimates(wants, basis, resources)
    for want, estimate in zip(wants, found, strict=True):
        action, reason = _decide(want, store, before.get(want.id))
        done = _done(want, store) if action == "resume" else 0.0
        stages.append(PlannedStage(want, action, reason, estimate, _pairs(want, store), done))
    to_do = [one for one in stages if one.action not in ("reuse", "pull")]
    fit = fit_of([one.want for one in to_do], [one.estimate for one in to_do], basis, resources)
    doubts = [*_unresolved(wants), *crowded([one.want for one in to_do], basis)]
    return Plan(
        spec=spec.model_dump(mode="json"),
        stages=tuple(stages),
        warnings=(*loaded.warnings, *doubts, *([fit_text(fit)] if fit is not None else [])),
        origin={"spec": loaded.path.name, "sets": list(loaded.sets)},
        text=loaded.text,
        fit=fit,
        assumes=_assumes(stages, resources),
        grid=grid_of(spec, wants),
    )


def _done(want: Want, store: Store) -> float:
    """Return the share of its steps that an interrupted training has saved; 0 where it does not say how many there are.

    Other stages count one of several things that they do, and keep the pieces of it that they finished.
    """
    progress = store.partial(want.artifact) or {}
    if progress.get("unit") != "step":
        return 0.0
    return round(min(1.0, progress["step"] / progress["steps"]), 4) if progress.get("steps") else 0.0


def _pairs(want: Want, store: Store) -> dict[str, Any]:
    """Return the statistics that a finished data stage tells of its pairs; {} for all other stages."""
    if want.kind != "data" or store.manifest(want.artifact) is None:
        return {}
    report = read_json(store.path(want.artifact) / "report.json")
    found = report.get("statistics") if isinstance(report, dict) else None
    return found if isinstance(found, dict) else {}


def _assumes(stages: Sequence[PlannedStage], resources: Mapping[str, Any]) -> str | None:
    """Return the speed that was assumed, or given, for stages that will run; None where earlier ones tell."""
    guessed = [one.estimate for one in stages if one.action != "reuse" and one.estimate.basis in ("assumed", "given")]
    dtypes = {str(estimate.likeness["dtype"]) for estimate in guessed if estimate.flops}
    return assumption(sorted(dtypes), resources) if dtypes else None


def _decide(want: Want, store: Store, before: Mapping[str, Any] | None) -> tuple[Action, Reason]:
    made = store.manifest(want.artifact)
    damage = _damage(want, store, made) if not is_pull(want) else None
    if made is not None and damage is None:
        return "reuse", Reason("done", "already there")
    if is_pull(want):
        return "pull", Reason("zoo", f"{want.locations['zoo']['ref']} is not in the store yet")
    progress = store.partial(want.artifact)
    ended = "failed" if (store.partial_path(want.artifact) / "failure.json").exists() else "interrupted"
    if progress is not None and progress["step"]:
        of = f" of {progress['steps']:,}" if progress["steps"] else ""
        how = "failed: goes on from" if ended == "failed" else "interrupted at"
        return "resume", Reason("interrupted", f"{how} {progress['unit']} {progress['step']:,}{of}")
    if damage is not None:
        return "rerun", Reason("damaged", f"damaged: {damage}")
    if before is None:
        return "run", Reason("new", _afresh(progress, ended) if progress is not None else "not made yet")
    return "rerun", why(want, before)


def _damage(want: Want, store: Store, made: Mapping[str, Any] | None) -> str | None:
    """Return what is wrong with a finished artifact's files or manifest; None of a whole one, or without any."""
    folder = store.path(want.artifact)
    if made is not None:
        return lacks(folder, made)
    _, fault = read(folder, want.artifact)
    return f"`{MANIFEST}` {fault}" if fault else None


def _afresh(progress: Mapping[str, Any], ended: str) -> str:
    """Return why a stage that was begun before starts afresh."""
    if progress["seen"]:
        return f"starts afresh: {ended} at {progress['unit']} {progress['seen']:,}, with nothing saved"
    return "failed before it had done anything" if ended == "failed" else "not made yet"


def why(want: Want, before: Mapping[str, Any]) -> Reason:
    """Return what moved between an earlier artifact (its manifest) and what is wanted now."""
    settings = _changes(before["settings"], want.settings)
    externals = _changes(before["externals"], want.externals)
    inputs = _changes(
        {
            role: f"{before['input_ids'].get(role, role)} {mark[:MARK_DIGITS]}"
            for role, mark in before["inputs"].items()
        },
        {role: f"{other.id} {other.fingerprint[:MARK_DIGITS]}" for role, other in want.inputs.items()},
    )
    version = [Change("version", before["version"], want.version)] if before["version"] != want.version else []
    own = [
        *map(_setting_text, settings),
        *(f"`{change.key}` has other content" for change in externals),
        *(["its code is another version"] if version else []),
    ]
    texts = own or [_input_text(change, want) for change in inputs]
    code = next(
        name
        for name, changes in (("settings", settings), ("external", externals), ("version", version), ("input", [None]))
        if changes
    )
    more = f" and {len(texts) - SHOWN} more" if len(texts) > SHOWN else ""
    kept = f" ({KEPT[want.kind]})" if own else ""
    changed = (*settings, *map(_short, externals), *version, *(_as_input(change) for change in inputs))
    return Reason(code, ", ".join(texts[:SHOWN]) + more + kept, changed)


def _changes(old: Mapping[str, Any], new: Mapping[str, Any], prefix: str = "") -> list[Change]:
    keys = [*new, *(key for key in old if key not in new)]
    return [Change(prefix + key, old.get(key), new.get(key)) for key in keys if _differ(old, new, key)]


def _differ(old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> bool:
    return (key in old) != (key in new) or bool(old.get(key) != new.get(key))


def _setting_text(change: Change) -> str:
    old, new = _value(change.old), _value(change.new)
    if len(old) <= LONGEST and len(new) <= LONGEST:
        return f"{change.key} {old} -> {new}"
    if change.old is None or change.new is None:
        return f"{change.key} is {'new' if change.old is None else 'gone'}"
    before, now = _names(change.old), _names(change.new)
    if before and before == now and len(change.old) == len(change.new):
        steps = zip(change.old, change.new, strict=True)  # by name: a stage reads some of the spec's list alone
        inside = [_changes(old, new, f"{change.key}.{new['name']}.") for old, new in steps]
        return ", ".join(_setting_text(one) for changes in inside for one in changes)
    more = [name for name in now if name not in before]
    less = [name for name in before if name not in now]
    words = [f"{word} {', '.join(names)}" for word, names in (("with", more), ("without", less)) if names]
    return f"{change.key} {' and '.join(words) or 'changed'}"


def _names(value: Any) -> list[str]:
    """Return what a list of plug-ins names, each once, as marked-up words; [] for anything else."""
    named = [one["name"] for one in value if isinstance(one, dict) and "name" in one] if isinstance(value, list) else []
    return [f"`{name}`" for name in dict.fromkeys(named)]


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _input_text(change: Change, want: Want) -> str:
    role = change.key
    if change.new is None:
        return f"input `{change.old.split(' ')[0]}` is gone"
    name = want.inputs[role].id
    return f"input `{name}` is new" if change.old is None else f"input `{name}` changed"


def _short(change: Change) -> Change:
    """Return a change of content with its hashes cut to the digits that names have."""
    return Change(change.key, *(_cut(mark) for mark in (change.old, change.new)))


def _cut(mark: str | None) -> str | None:
    return mark[:MARK_DIGITS] if mark is not None and ":" not in mark else mark


def _as_input(change: Change) -> Change:
    return Change(f"input.{change.key}", change.old, change.new)


def _unresolved(wants: Sequence[Want]) -> list[str]:
    """Return a warning for each Hub id whose commit is not known here, and for each folder that lacks its weights."""
    marks = {(mark, key) for want in wants for key, mark in want.externals.items()}
    vague = sorted({mark for mark, _ in marks if "@unresolved:" in mark})
    return [
        *(
            f"which commit `{mark.removeprefix('hub:').replace('@unresolved:', '` means at `')}` is not known here: "
            "`apply` asks the Hub first, and names the stages anew"
            for mark in vague
        ),
        *(
            f"the folder of `{key}` has no weights (`*.safetensors`): `apply` needs them, and they name the stages anew"
            for key in sorted({key for mark, key in marks if is_absent(mark)})
        ),
    ]
