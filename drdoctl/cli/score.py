"""`drdoctl score`: the oracle's reward for each row of a file."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from drdoctl.cli._child import ask_child
from drdoctl.cli._found import find_model
from drdoctl.cli._quality import lines as quality_lines
from drdoctl.cli._zoo import ZOO
from drdoctl.cli.options import Options, shared, verb
from drdoctl.core.errors import UserError

EXAMPLES = (
    "drdoctl score oracle-4c1e9a0b77d2 pairs.jsonl --out scored.jsonl",
    "drdoctl score zoo/oracle-phi3-tldr@v2 responses.parquet --out scored.parquet",
    "drdoctl score zoo/oracle-phi3-tldr pairs.jsonl | jq .margin",
)
MODULE = "drdoctl.train.score_file"


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
        why = f"`{file}` is no regular file" if file.exists() else f"there is no file `{file}`"
        raise UserError(why, code="no-such-file", hint="give the path of a file, which is read twice")
    from drdoctl.train.score_rows import read_rows

    total = sum(1 for _ in read_rows(str(file)))  # names all bad rows before a model is fetched or loaded
    found = find_model(options, oracle, location, ("oracle",))
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
        summary = ask_child(options, Path(folder), "score", MODULE, request, device=device)
        _say(options, summary)
        _print(options, rows, out, summary)


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
