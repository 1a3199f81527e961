"""`drdoctl import`: a reward model that others trained becomes an oracle in the store."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from drdoctl.cli._child import ask_child
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.adapters import ADAPTER_BASE, ADAPTER_CONFIG
from drdoctl.core.commands import quoted
from drdoctl.core.errors import DrdoError, Fault, Refused, UserError

if TYPE_CHECKING:
    from drdoctl.stages import Want
    from drdoctl.store.artifact import Store

EXAMPLES = (
    "drdoctl import runs/reward-trainer --as oracle-mine",
    "drdoctl import Skywork/Skywork-Reward-V2-Qwen3-0.6B --offline",
)
MODULE = "drdoctl.train.look_over"
KEY = "oracle.model"
VERSION = 1


@verb("import", *EXAMPLES)
@click.argument("model", metavar="FOLDER|ORG/NAME")
@click.option("--as", "name", metavar="NAME", help="What to call it; without it, the folder's own name.")
@click.option("--revision", help="Commit, tag or branch of a model on the Hub.")
@click.option(
    "--template",
    type=click.Choice(["auto", "none"]),
    default="auto",
    show_default=True,
    help="Whether texts are rendered by the tokenizer's chat template, where it has one.",
)
@shared()
def command(options: Options, model: str, name: str | None, revision: str | None, template: str) -> None:
    """Make a finished reward model an oracle of the store.

    FOLDER is what transformers, TRL's RewardTrainer and the like save: a sequence classifier with one label, in
    safetensors, with its tokenizer; ORG/NAME is taken from the local cache of the Hub. Its files are checked, loaded
    once and copied as they are. `score` and `push` take the artifact, and specs take its folder as `oracle.model`.
    """
    from drdoctl.core.fingerprint import digest
    from drdoctl.spec.folder import read_folder
    from drdoctl.spec.hashes import Hashes
    from drdoctl.stages import Want
    from drdoctl.store.artifact import Store

    store = Store(options.store)
    folder, origin = _located(options, model, revision, store.root)
    called = _called(options, name or origin.get("hub", folder.resolve().name).rpartition("/")[2])
    hashes = Hashes(store.root)
    read_folder(folder, hashes, key=KEY)
    marks = {path.name: hashes.file(path).sha256 for path in _files(folder)}
    want = Want(
        kind="oracle",
        version=VERSION,
        settings={"data.template": template},
        externals={KEY: digest(marks)},
        label=called,
        locations={KEY: origin} if origin else {},
    )
    summary = _bring(options, store, want, folder, marks)
    for note in summary["notes"]:
        options.console.warning(note)
    _say(options, store, want, summary)


def _say(options: Options, store: Store, want: Want, summary: Mapping[str, Any]) -> None:
    path = store.path(want.artifact)
    what = f"{summary['architecture']}, {summary['parameters']:,} parameters, template: {summary['template']}"
    options.console.info(f"{want.id}: {what}")
    if options.json:
        options.console.json({"format": 1, "artifact": want.artifact, "path": str(path), "name": want.label, **summary})
    else:
        options.console.data(want.artifact)
    options.console.hint(f"`{options.line('score', want.artifact, 'FILE')}`, or `oracle: {{model: {path}}}` in a spec")


def _located(options: Options, model: str, revision: str | None, root: Path) -> tuple[Path, dict[str, Any]]:
    """Return the folder, and where others find the same: `{"hub": id, "revision": commit}`, or nothing."""
    from drdoctl.core.files import expand, kind_at
    from drdoctl.core.suggest import did_you_mean
    from drdoctl.spec.hub import HUB_ID, HubRefs, cached_file

    path = expand(model)
    if kind_at(path) or not HUB_ID.match(model) or "/" not in model or model.startswith((".", "/", "~")):
        if revision is not None:
            raise UserError(
                "a folder has no revisions", code="usage", hint=f"`{options.again(without=['--revision'])}`"
            )
        if (there := kind_at(path)) != "folder":
            near = did_you_mean(path.name, [other.name for other in path.parent.glob("*") if other.is_dir()])
            hint = near or "give the right path, or ORG/NAME of a model in the local cache of the Hub"
            what = f"`{model}` is no folder" if there else f"there is no folder `{model}`"
            raise UserError(what, code="no-folder", hint=hint)
        return path, {}
    ref = HubRefs(root).resolve("model", model, revision)
    config = cached_file(ref, "config.json")
    if config is None:
        raise UserError(
            f"`{model}` is neither a folder nor in the local cache of the Hub",
            code="no-model",
            hint=f"`hf download {quoted(model)}` brings it into the cache; or name a folder",
        )
    return config.parent, ref.location


def _called(options: Options, name: str) -> str:
    from drdoctl.zoo.card import NAME

    if not re.fullmatch(NAME, name):
        hint = f"give it one of letters, digits, `.`, `_` and `-`: `{options.again('--as', 'NAME', without=['--as'])}`"
        raise UserError(f"`{name}` is no name for an oracle", code="bad-name", hint=hint)
    return name


def _files(folder: Path) -> list[Path]:
    """Return what is taken along: what can be published. Raises UserError without a `tokenizer.json`."""
    from drdoctl.spec.weights import BESIDE
    from drdoctl.zoo.safety import publishable

    if not (folder / "tokenizer.json").is_file():
        raise UserError(
            f"`{folder}` has no `tokenizer.json`",
            code="no-tokenizer",
            hint="load the tokenizer with `AutoTokenizer` and call `save_pretrained`: that writes the file",
        )
    left = {*BESIDE, ADAPTER_CONFIG, ADAPTER_BASE}
    return [path for path in sorted(folder.iterdir()) if publishable(path.name) and path.name not in left]


def _bring(options: Options, store: Store, want: Want, folder: Path, marks: Mapping[str, str]) -> dict[str, Any]:
    """Copy the files into the store as an oracle's artifact, unless it is there, and return what is known of it.

    What is checked is the copy. Raises UserError for what is no reward model, Refused where a file changes meanwhile.
    """
    from drdoctl.store.lock import hold

    began = time.monotonic()
    store.prepare()
    with hold(store.root):
        if store.manifest(want.artifact) is not None:
            return _look_over(options, want, store.path(want.artifact), folder)
        partial, _ = store.open_partial(want)
        try:
            _copy(folder, partial, marks)
            summary = _look_over(options, want, partial, folder)
            metrics = {"parameters": summary["parameters"]}
            store.commit(replace(want, warnings=tuple(summary["notes"])), want.label, metrics, time.monotonic() - began)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return summary


def _copy(folder: Path, partial: Path, marks: Mapping[str, str]) -> None:
    from drdoctl.core.files import disk_errors
    from drdoctl.core.fingerprint import file_sha256
    from drdoctl.zoo.safety import content_fault

    with disk_errors(partial, lambda: sum((folder / name).stat().st_size for name in marks)):
        for name in marks:
            shutil.copyfile(folder / name, partial / name)
    found = {name: content_fault(partial / name) for name in marks}
    faults = [
        Fault("bad-model", f"`{folder / name}`: {fault}", None, "save the model again")
        for name, fault in found.items()
        if fault
    ]
    if faults:
        raise UserError(faults)
    moved = [name for name, mark in marks.items() if file_sha256(partial / name) != mark]
    if moved:
        hint = "run the same command again when nobody writes there"
        raise Refused(f"`{folder / moved[0]}` changed while it was read", code="moved", hint=hint)


def _look_over(options: Options, want: Want, folder: Path, named: Path) -> dict[str, Any]:
    """Return what is known of the copy in `folder`; what is wrong with it is said of what the user named."""
    with tempfile.TemporaryDirectory(prefix="drdoctl-import-") as work:
        request = {"model": str(folder), "template": want.settings["data.template"], "out": work}
        try:
            return ask_child(options, Path(work), "import", MODULE, request)
        except DrdoError as error:
            said = [replace(one, message=one.message.replace(str(folder), str(named))) for one in error.faults]
            raise type(error)(said) from None
