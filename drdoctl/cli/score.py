"""`drdoctl score`: the oracle's reward for each row of a file."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from drdoctl.cli._quality import lines as quality_lines
from drdoctl.cli._zoo import ZOO
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.adapters import ADAPTER_CONFIG
from drdoctl.core.errors import Fault, StageFailed, UserError, Where, error_class
from drdoctl.core.files import read_json, write_json

EXAMPLES = (
    "drdoctl score oracle-4c1e9a0b77d2 pairs.jsonl --out scored.jsonl",
    "drdoctl score zoo/oracle-phi3-tldr@v2 responses.parquet --out scored.parquet",
    "drdoctl score zoo/oracle-phi3-tldr pairs.jsonl | jq .margin",
)
MODULE = "drdoctl.train.score_file"


@dataclass(frozen=True)
class Oracle:
    """A reward model on disk, and how training rendered its rows."""

    folder: Path
    template: str = "auto"
    dtype: str = "fp32"


@verb("score", *EXAMPLES)
@click.argument("oracle", metavar="ARTIFACT|PATH|zoo/NAME")
@click.argument("file", type=click.Path(path_type=Path))
@ZOO
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the rows here (.jsonl or .parquet)."
)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True, help="Where.")
@shared()
def command(options: Options, oracle: str, file: Path, location: str | None, out: Path | None, device: str) -> None:
    """Score pairs or responses with an oracle.

    FILE (JSON lines, a JSON array or Parquet) holds rows with `prompt`, `chosen`, `rejected`, or with `prompt`,
    `response`. They come out in their order, with `reward_chosen`, `reward_rejected` and `margin`, or with `reward`,
    beside what they held. How good the oracle is on pairs goes to stderr: accuracy, calibration, love of length, and
    the accuracy of each `subset` where rows name one.
    """
    if not file.is_file():
        raise UserError(f"there is no file `{file}`", code="no-such-file", hint="give the right path")
    from drdoctl.train.score_rows import read_rows

    total = sum(1 for _ in read_rows(str(file)))  # names all bad rows before a model is fetched or loaded
    found = _find(options, oracle, location)
    with tempfile.TemporaryDirectory(prefix="drdoctl-score-") as folder:
        rows = out or Path(folder, "rows.jsonl")
        request = {
            "oracle": str(found.folder.resolve()),
            "file": str(file),
            "rows": str(rows),
            "template": found.template,
            "dtype": found.dtype,
            "device": device,
            "threads": None,
            "total": total,
            "out": folder,
        }
        summary = _child(options, Path(folder), request)
        _say(options, summary)
        _print(options, rows, out, summary)


def _find(options: Options, text: str, location: str | None) -> Oracle:
    """Return the oracle that a user means, pulled where it is in the zoo, its files compared with their manifest."""
    from drdoctl.store.artifact import Store
    from drdoctl.zoo.lineage import find, template_of
    from drdoctl.zoo.location import is_ref, locate
    from drdoctl.zoo.pull import pull

    store = Store(options.store)
    if is_ref(text):
        artifact = pull(store, text, locate(location, ref=text), offline=options.offline).path.name
    elif _model(Path(text)) and not (Path(text) / "manifest.json").is_file():
        return Oracle(Path(text))
    else:
        store, artifact = find(store, text)
    manifest = store.manifest(artifact) or {}
    if manifest.get("kind") != "oracle":
        raise UserError(
            f"`{artifact}` is no oracle",
            code="not-an-oracle",
            hint=f"name one of the artifacts that begin with `oracle-`: `drdoctl ls artifacts --store {store.root}`",
        )
    store.verify_input(artifact)
    dtype = manifest["settings"].get("oracle.dtype", "fp32")
    return Oracle(store.path(artifact), template_of(store, manifest) or "auto", dtype)


def _model(folder: Path) -> bool:
    """Whether a folder holds a whole model or an adapter."""
    return (folder / "config.json").is_file() or (folder / ADAPTER_CONFIG).is_file()


def _child(options: Options, folder: Path, request: dict[str, Any]) -> dict[str, Any]:
    """Run the child that has the model, and return its summary. Raises what it raised."""
    from drdoctl.engine.launch import environment, log_tail

    write_json(folder / "request.json", request)
    settings = {"processes": 1, "threads": None, "device": request["device"]}
    log = folder / "log.txt"
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", MODULE, str(folder / "request.json")],
            env=environment("score", settings, offline=True),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        _follow(options, folder, child)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    result = read_json(folder / "result.json") or {}
    if "summary" in result:
        return dict(result["summary"])
    if "faults" in result:
        raise error_class(child.returncode)([_fault(plain) for plain in result["faults"]])
    for line in log_tail(log):
        options.console.debug(line)
    tail = log_tail(log, 1)
    raise StageFailed(
        f"the scoring process ended with {child.returncode}: {tail[0] if tail else 'no message'}",
        code="score",
        hint="run the same command with `-v` for its last lines; signal 9 means that memory ran out",
    )


def _follow(options: Options, folder: Path, child: subprocess.Popen[bytes]) -> None:
    with options.console.progress() as progress:
        while child.poll() is None:
            time.sleep(0.05)
            seen = read_json(folder / "progress.json")
            if seen:
                progress.update(f"score  {seen['step']:,} of {seen['steps']:,} rows")


def _fault(plain: dict[str, Any]) -> Fault:
    where = Where(plain["file"], plain["line"]) if plain["file"] else None
    return Fault(plain["code"], plain["message"], where, plain["hint"])


def _say(options: Options, summary: dict[str, Any]) -> None:
    if "pairs" in summary:
        for line in quality_lines(summary):
            options.console.info(line)
    else:
        mean, std = summary["mean_reward"], summary["std_reward"]
        options.console.info(
            f"{summary['responses']:,} responses: mean reward {mean:.4g}, standard deviation {std:.4g}"
        )


def _print(options: Options, rows: Path, out: Path | None, summary: dict[str, Any]) -> None:
    if out is not None:
        if options.json:
            options.console.json({"format": 1, "out": str(out), "summary": summary})
        else:
            options.console.data(str(out))
        return
    with rows.open(encoding="utf-8") as file:
        if options.json:
            options.console.json({"format": 1, "rows": [json.loads(line) for line in file], "summary": summary})
        else:
            for line in file:
                options.console.raw(line)
