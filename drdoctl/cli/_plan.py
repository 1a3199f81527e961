"""From a spec's path to its plan: what `plan`, `apply`, `status` and `report` all begin with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from drdoctl.cli.options import Options
from drdoctl.core.errors import Where
from drdoctl.plan.compile import compile as wanted
from drdoctl.plan.diff import diff
from drdoctl.plan.types import Plan
from drdoctl.spec.facts import Facts
from drdoctl.spec.load import Loaded, load
from drdoctl.spec.overrides import path_of
from drdoctl.store.artifact import Store


@dataclass(frozen=True)
class Planned:
    """A plan, and what it was made from."""

    plan: Plan
    loaded: Loaded
    facts: Facts


def plan_for(spec: Path, options: Options, *, ask_hub: bool = False, weightless: bool = False) -> Planned:
    """Return the plan of a spec against the store of the options. Reads only.

    `ask_hub`: look up on the Hub what no file of this machine tells, and remember it in the store (ZooError, exit 4).
    `weightless`: models in folders without weights are no fault, but have other names than with them.
    """
    loaded = load(spec, options.sets)
    facts = _facts(loaded, options, weightless=weightless)
    wants = wanted(loaded.spec, facts)
    if ask_hub and facts.unresolved:
        facts.refs.look_up(facts.unresolved.values(), offline=options.offline)
        facts = _facts(loaded, options, weightless=weightless)
        wants = wanted(loaded.spec, facts)
    store = Store(options.store)
    plan = diff(wants, store, loaded)
    return Planned(replace(plan, warnings=(*plan.warnings, *store.warnings)), loaded, facts)


def _facts(loaded: Loaded, options: Options, *, weightless: bool) -> Facts:
    def place(key: str) -> Where | None:
        return loaded.where(path_of(key, loaded.raw))

    return Facts(loaded.base, options.store, loaded.spec.zoo, place, weightless=weightless)
