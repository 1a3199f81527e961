"""`drdoctl apply`: carry a plan out, and go on with whatever was interrupted."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli._consent import DECLINED, agreed, require_someone_to_ask
from drdoctl.cli._left_out import left_out
from drdoctl.cli._ready import require_tools
from drdoctl.cli._results import report_again, results
from drdoctl.cli._words import place
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import DrdoError, Fault, IntegrityError, UserError
from drdoctl.plan.types import Plan
from drdoctl.store.artifact import Store

if TYPE_CHECKING:
    from drdoctl.spec.model import Spec

EXAMPLES = (
    "drdoctl apply recipes/quickstart.yaml",
    "drdoctl apply recipes/quickstart.yaml --auto-approve --json",
    "drdoctl plan recipes/quickstart.yaml --out plan.json && drdoctl apply plan.json",
)


@dataclass(frozen=True)
class Order:
    """What is to be carried out: a plan, the spec it came from, and how people know it."""

    plan: Plan
    spec: Spec
    values: Mapping[str, Any]
    """The spec's values as written, `--set` included."""
    name: str
    """What was typed: the path of the spec or of the saved plan."""
    report: str
    """The command that reports what was measured, before all is finished."""
    approved: bool
    """Whether nobody has to be asked."""


@verb("apply", *EXAMPLES)
@click.argument("source", metavar="SPEC|PLANFILE", type=click.Path(path_type=Path))
@click.option("-y", "--auto-approve", is_flag=True, help="Ask nothing. A saved plan never asks.")
@click.option("--keep-going", is_flag=True, help="After a failure, go on with stages that do not rest on it.")
@click.option("--verify", is_flag=True, help="Hash every finished artifact first, however large.")
@shared(sets=True)
def command(options: Options, source: Path, auto_approve: bool, keep_going: bool, verify: bool) -> int:
    """Carry out a plan; the same command resumes it.

    Shows the plan and asks first. Finished stages are never run again; an interrupted one goes on from its last
    checkpoint. Ctrl-C finishes the step at work and saves; a second one stops at once.
    """
    from drdoctl.engine.signals import stoppable

    with stoppable(f"`{options.again()}` goes on from there"):
        return _apply(options, _order(options, source, auto_approve), keep_going=keep_going, verify=verify)


def _apply(options: Options, order: Order, *, keep_going: bool, verify: bool) -> int:
    store = Store(options.store)
    if verify:
        _hash_all(options, order.plan, store)
    if all(stage.action == "reuse" for stage in order.plan.stages):
        return _nothing_to_do(options, order, store)
    if not order.approved:
        hint = f"`{options.again('--auto-approve')}` carries the plan out without asking"
        require_someone_to_ask(options, "apply", hint)
    require_tools(order.plan, order.spec, offline=options.offline)
    from drdoctl.store.lock import hold

    store.prepare()
    with hold(store.root):
        if not _approved(options, order):
            options.console.info("Nothing was executed.")
            return DECLINED
        return _carry_out(options, order, store, keep_going=keep_going, verify=verify)


def _order(options: Options, source: Path, auto_approve: bool) -> Order:
    """Read a saved plan, or plan a spec."""
    from drdoctl.plan.saved import check_fresh, is_saved, load_saved

    if is_saved(source):
        if options.sets:
            raise UserError(
                "a saved plan takes no `--set`",
                code="usage",
                hint="plan again with `--set`, and apply the new plan",
            )
        saved = load_saved(source)
        fresh = check_fresh(saved, Store(options.store))
        sets = [word for text in saved.sets for word in ("--set", text)]
        report = options.line("report", saved.spec, "--partial", *sets)
        return Order(fresh, saved.loaded.spec, saved.loaded.raw, str(source), report, approved=True)
    from drdoctl.cli._plan import plan_for

    planned = plan_for(source, options, ask_hub=True)
    loaded = planned.loaded
    report = options.line("report", source, "--partial", sets=True)
    return Order(planned.plan, loaded.spec, loaded.raw, str(source), report, approved=auto_approve)


def _hash_all(options: Options, plan: Plan, store: Store) -> None:
    """Hash every artifact that the plan takes as done. Raises IntegrityError with all that are not what they were."""
    faults: list[Fault] = []
    for want in (stage.want for stage in plan.stages if stage.action == "reuse"):
        options.console.debug(f"hashing {want.artifact}")
        try:
            store.verify_input(want.artifact, full=True)
        except IntegrityError as error:
            faults += error.faults
    if faults:
        raise IntegrityError(faults)


def _approved(options: Options, order: Order) -> bool:
    """Show the plan, and ask where nobody has said yes yet."""
    console = options.console
    if not options.quiet and not options.json:
        from drdoctl.cli.render import NOTHING, plan_text

        console.info(plan_text(order.plan.as_dict(), order.name, every=options.verbose).removesuffix(f" {NOTHING}"))
    for text in (*order.plan.warnings, *_too_large(order)):
        console.warning(text)
    if order.approved:
        return True
    return agreed(options, "Carry out this plan?")


def _too_large(order: Order) -> list[str]:
    """Return a warning where the stages will need more memory than this machine has, as far as a CPU computes."""
    from drdoctl.engine.launch import cuda_likely
    from drdoctl.plan.fit import machine_text
    from drdoctl.store.manifest import host

    resources = order.spec.resources
    if resources.device == "cuda" or (resources.device == "auto" and cuda_likely(os.environ)):
        return []
    text = machine_text(order.plan, resources.processes, host()["memory_gib"])
    return [text] if text is not None else []


def _carry_out(options: Options, order: Order, store: Store, *, keep_going: bool, verify: bool) -> int:
    from drdoctl.cli._live import Live
    from drdoctl.engine import execute as engine
    from drdoctl.engine.signals import EXIT_CODES
    from drdoctl.store.run import Run
    from drdoctl.zoo.reproduce import note

    run = Run.start(store, order.spec.name, sys.argv[1:], _echo(options))
    how = engine.Options(
        resources=order.spec.resources.model_dump(mode="json"),
        spec_name=order.spec.name,
        command=tuple(sys.argv[1:]),
        keep_going=keep_going,
        offline=options.offline,
        verify=verify,
        zoo=order.spec.zoo,
        warm=True,
    )
    code = 1
    try:
        note(run, order.values, {stage.want.id: stage.want.fingerprint for stage in order.plan.stages})
        with options.console.progress() as progress:
            live = Live(options.console, progress)
            outcome = engine.execute(order.plan, store, run, live, how)
        code = outcome.exit_code
    except DrdoError as error:
        code = error.exit_code
        raise
    except KeyboardInterrupt:
        code = EXIT_CODES[signal.SIGINT]
        raise
    finally:
        run.finish(code)
    for text in left_out(order.plan, outcome, order.report):
        options.console.info(text)
    if code == 0:
        results(options, order.plan, store)
    return code


def _nothing_to_do(options: Options, order: Order, store: Store) -> int:
    if options.json:
        from drdoctl.store.events import make

        plan = order.plan.as_dict()
        keys = ("id", "kind", "artifact", "action")
        stages = [{key: stage[key] for key in keys} for stage in plan["stages"]]
        options.console.json_line(make("plan", stages=stages, summary=plan["summary"]))
        options.console.json_line(make("run_finished", exit_code=0, seconds=0))
    elif options.quiet:
        results(options, order.plan, store)
    else:
        from drdoctl.cli.render import plan_text

        options.console.data(plan_text(order.plan.as_dict(), order.name))
        report = report_again(options, order.plan, store)
        if report is not None:
            options.console.data(f"report: {place(report)}")
    return 0


def _echo(options: Options) -> Callable[[str], None] | None:
    """Return what prints the journal's lines on stdout with `--json`."""
    if not options.json:
        return None
    return lambda line: options.console.json_line(json.loads(line))
