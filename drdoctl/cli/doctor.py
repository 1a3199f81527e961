"""`drdoctl doctor`: what a run's files say about it, in plain words, with evidence and what to change."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.commands import quoted
from drdoctl.core.errors import UserError
from drdoctl.core.suggest import did_you_mean
from drdoctl.store.artifact import PARTIAL, Store
from drdoctl.store.run import read_events, run_folders

EXAMPLES = (
    "drdoctl doctor",
    "drdoctl doctor recipes/quickstart.yaml",
    "drdoctl doctor align-0be77af4c1d2 --json",
)
STYLES = {"fault": "red bold", "warning": "yellow bold", "note": "cyan"}
SPECS = (".yaml", ".yml")
Stages = list[dict[str, Any]]


@verb("doctor", *EXAMPLES)
@click.argument("what", metavar="[SPEC|RUN|ARTIFACT]", required=False)
@shared(sets=True)
def command(options: Options, what: str | None) -> None:
    """Say what looks wrong with a run, on what evidence, and the cure.

    Looks at finished, running and interrupted stages alike, from their files alone. Without an argument, at the last
    apply. A finding is a fault (the result is not what was asked for), a warning (it may not be) or a note. Exit code
    0 whatever is found: findings are data.
    """
    from drdoctl.doctor.examine import examine

    store = Store(options.store)
    found = examine(store, stages_of(options, store, what))
    for text in store.warnings:
        options.console.warning(text)
    if options.json:
        options.console.json(found)
    else:
        options.console.data(render(found, verbose=options.verbose, quiet=options.quiet))


def stages_of(options: Options, store: Store, what: str | None) -> Stages:
    """Return the stages that are meant, as a plan has them. Raises UserError where nothing is."""
    runs = {folder.name: folder for folder in run_folders(store)}
    if what is None:
        newest = next((made for folder in reversed(runs.values()) if (made := _planned(folder))), None)
        if newest is None:
            hint = "name a spec, or another store with `--store DIR`"
            raise UserError(f"no apply has run in `{store.root}`", code="no-run", hint=hint)
        return newest
    if what in runs:
        return _planned(runs[what])
    if Path(what).is_file():
        from drdoctl.cli._plan import plan_for

        return [stage.as_dict() for stage in plan_for(Path(what), options).plan.stages]
    return [_artifact(options, store, what, list(runs))]


def _planned(folder: Path) -> Stages:
    """Return the stages of a run's last plan; [] where its journal has none."""
    plans = [event["stages"] for event in read_events(folder) if event["event"] == "plan"]
    return list(plans[-1]) if plans else []


def _artifact(options: Options, store: Store, what: str, runs: list[str]) -> dict[str, Any]:
    """Return the artifact that is meant, in progress too, by its name, its beginning, its folder or its stage's id."""
    from drdoctl.doctor.examine import cases

    name = Path(what).name.removesuffix(PARTIAL)
    known = cases(store)
    fitting = [name] if name in known else [each for each in known if each.startswith(name)]
    fitting = fitting or [each for each in known if known[each].id == what]
    if len(fitting) == 1:
        return {"id": known[fitting[0]].id, "kind": known[fitting[0]].kind, "artifact": fitting[0]}
    if fitting:
        meant = ", ".join(f"`{each}` ({known[each].id})" for each in fitting)
        raise UserError(
            f"`{what}` means several artifacts: {meant}", code="ambiguous-artifact", hint="write more of it"
        )
    if Path(what).suffix in SPECS:
        hint = f"`drdoctl init {quoted(what)}` starts one from a recipe"
        raise UserError(f"cannot read `{what}`: no such file", code="no-file", hint=hint)
    hint = f"`{options.line('ls', 'runs')}` and `{options.line('ls', 'artifacts')}` show what is there"
    hint = did_you_mean(name, [*known, *runs]) or hint
    raise UserError(f"`{what}` is no spec, run or artifact of `{store.root}`", code="unknown-name", hint=hint)


def render(found: Mapping[str, Any], *, verbose: bool = False, quiet: bool = False) -> Text:
    """Return the findings by stage, worst first, each with its advice and its evidence, and one line that sums up.

    `verbose` names the stages without findings too; `quiet` leaves the evidence out.
    """
    text = Text()
    for stage in found["stages"]:
        rows = [row for row in found["findings"] if row["stage"] == stage["id"]]
        if not rows and not verbose:
            continue
        text.append(f"{stage['id']}", "bold")
        text.append(f"  {stage['artifact']}, {_state(stage)}\n", "dim")
        for row in rows:
            text.append("  ")
            text.append(f"{row['severity']}[{row['code']}]", STYLES[row["severity"]])
            text.append(f": {row['message']}\n")
            if not quiet:
                for one in row["evidence"]:
                    text.append(f"      seen: {_evidence(one)}\n", "dim")
            text.append("      try: " if row["severity"] != "note" else "      so: ", "cyan")
            text.append(f"{row['advice']}\n")
        if not rows:
            text.append("    not begun\n" if stage["state"] == "waiting" else "    nothing to say\n")
        text.append("\n")
    text.append(_summary(found))
    return text


def _state(stage: Mapping[str, Any]) -> str:
    at = f" at step {stage['steps']:,}" if stage["steps"] and stage["state"] != "done" else ""
    return f"{stage['state']}{at}"


def _evidence(one: Mapping[str, Any]) -> str:
    steps = one["steps"]
    span = (
        ""
        if steps is None
        else f", step {steps[0]:,}"
        if steps[0] == steps[1]
        else f", steps {steps[0]:,}-{steps[1]:,}"
    )
    values = ", ".join(f"{name} {_value(value)}" for name, value in one["values"].items())
    return f"{values} ({one['file']}{span})"


def _value(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "-" if value is None else str(value)


def _summary(found: Mapping[str, Any]) -> str:
    told = ", ".join(f"{number} {name}{'s' * (number != 1)}" for name, number in found["summary"].items() if number)
    states = [stage["state"] for stage in found["stages"]]
    seen = len(states) - states.count("waiting")
    waiting = f"; {states.count('waiting')} not begun" if "waiting" in states else ""
    return f"Doctor: {told or 'nothing to say'}, in {seen} stage{'s' * (seen != 1)}{waiting}."
