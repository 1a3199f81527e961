"""`drdoctl ls`: list what there is of a kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from drdoctl.cli._search import Asked, search_options, show, zoo_rows
from drdoctl.cli._zoo import ZOO
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import UserError
from drdoctl.core.fingerprint import artifact_name
from drdoctl.core.suggest import did_you_mean

Rows = list[dict[str, Any]]
WHAT = ("recipes", "methods", "datasets", "splits", "evals", "zoo", "runs", "artifacts")
EXAMPLES = (
    "drdoctl ls recipes",
    "drdoctl ls zoo --role oracle --base phi-3",
    "drdoctl ls zoo --zoo shared/zoo --min accuracy=0.7",
    "drdoctl ls artifacts",
)


@verb("ls", *EXAMPLES)
@click.argument(
    "what",
    metavar="|".join(WHAT),
    shell_complete=lambda _context, _argument, begun: [name for name in WHAT if name.startswith(begun)],
)
@ZOO
@search_options
@shared()
def command(
    options: Options,
    what: str,
    location: str | None,
    role: str | None,
    base: str | None,
    tag: str | None,
    least: tuple[str, ...],
) -> None:
    """List recipes, plug-ins, zoo cards, runs or artifacts.

    `zoo` lists the catalogue, published or not, or, where `--zoo`, DRDOCTL_ZOO or the user's config.yaml names a zoo,
    what is there; `--role`, `--base`, `--tag` and `--min` search it. `runs` and `artifacts` read the store.
    `drdoctl show NAME` says more about one.
    """
    if what not in WHAT:
        hint = did_you_mean(what, WHAT) or f"one of: {', '.join(WHAT)}"
        raise UserError(f"there is nothing called `{what}` to list", code="unknown-name", hint=hint)
    asked = Asked(location, role, base, tag, least)
    if what == "zoo":
        show(options, zoo_rows(options, asked), asked)
        return
    asked.refuse(options, what)
    rows = LISTS[what](options)
    if options.json:
        options.console.json({"format": 1, what: rows})
        return
    shown = SHOWN[what]
    options.console.table(shown, [[str(row.get(name) or "") for name in shown] for row in rows])
    if not rows:
        options.console.info(f"there are no {what} in {options.store}" if what in ("runs", "artifacts") else "none")
    else:
        options.console.hint(f"`{options.line('show', rows[0]['name'])}` says more")


def _recipes(options: Options) -> Rows:  # noqa: ARG001  # all lists are asked alike
    from drdoctl.shipped import headline, recipes

    return [{"name": name, "about": headline(path), "path": str(path)} for name, path in recipes().items()]


def _parts(kind: str) -> Callable[[Options], Rows]:
    def rows(options: Options) -> Rows:  # noqa: ARG001
        from drdoctl.cli._parts import listing

        return [dict(row) for row in listing(kind)]

    return rows


def _runs(options: Options) -> Rows:
    from drdoctl.store.artifact import Store
    from drdoctl.store.run import read_events, run_folders

    rows = []
    for folder in run_folders(Store(options.store)):
        row: dict[str, Any] = {"name": folder.name, "spec": None, "started": None, "exit_code": None}
        for event in read_events(folder):
            if event.get("event") == "run_started":
                row |= {"spec": event.get("spec"), "started": event.get("time")}
            elif event.get("event") == "run_finished":
                row["exit_code"] = event.get("exit_code")
        rows.append({**row, "result": _result(row["exit_code"])})
    return rows


def _result(exit_code: Any) -> str:
    return {None: "not finished", 0: "ok"}.get(exit_code, f"exit {exit_code}")


def _artifacts(options: Options) -> Rows:
    from drdoctl.store.artifact import Store

    store = Store(options.store)
    return [
        {
            "name": artifact_name(made["kind"], made["fingerprint"]),
            "stage": made["id"],
            "spec": made["spec_name"],
            "created": made["created"],
            "bytes": sum(entry["size"] for entry in made["files"].values()),
        }
        for made in store.manifests()
    ]


LISTS: dict[str, Callable[[Options], Rows]] = {
    "recipes": _recipes,
    "methods": _parts("method"),
    "datasets": _parts("dataset"),
    "splits": _parts("split"),
    "evals": _parts("eval"),
    "runs": _runs,
    "artifacts": _artifacts,
}
SHOWN = {
    "recipes": ("name", "about"),
    "methods": ("name", "about", "paper"),
    "datasets": ("name", "about", "paper"),
    "splits": ("name", "about", "paper"),
    "evals": ("name", "about", "paper"),
    "runs": ("name", "spec", "started", "result"),
    "artifacts": ("name", "stage", "spec", "created", "bytes"),
}
