"""`drdoctl export`: a model for other programs, merged, in one type of numbers."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click

from drdoctl.cli._child import ask_child
from drdoctl.cli._found import find_model
from drdoctl.cli._zoo import ZOO, ModelFolder, size_text
from drdoctl.cli.options import Options, shared, verb

EXAMPLES = (
    "drdoctl export zoo/oracle-phi3-tldr@v2 models/oracle --dtype bf16",
    "drdoctl export oracle-4c1e9a0b77d2 models/oracle",
    "drdoctl export align-0be77af4c1d2 models/student --dtype bf16",
)
MODULE = "drdoctl.train.export"
KINDS = ("oracle", "sft", "align")
VLLM_LLAMA = "silu"
"""What vLLM (0.32) computes in a Llama, whatever the config says: it refuses to load another activation."""
WORDS = {"oracle": "reward model", "student": "language model"}


@verb("export", *EXAMPLES)
@click.argument("model", metavar="ARTIFACT|PATH|zoo/NAME")
@click.argument("target", metavar="DIR", type=ModelFolder())
@ZOO
@click.option(
    "--dtype", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True, help="Type of all weights."
)
@shared()
def command(options: Options, model: str, target: Path, location: str | None, dtype: str) -> None:
    """Write a merged plain model for TRL, vLLM and the like.

    DIR must be empty or not there. It gets what transformers loads by itself: safetensors in files of 5 GB at most,
    config and tokenizer, adapters merged. An oracle becomes a sequence classifier with one label and a padding token;
    its chat template ends where rewards are read. A student becomes a causal language model.
    """
    from drdoctl.core.files import new_folder

    zoo = ["--zoo", location] if location else []
    elsewhere = options.line("export", model, "DIR", *zoo, "--dtype", dtype)
    with new_folder(target, elsewhere) as folder, tempfile.TemporaryDirectory() as work:
        found = find_model(options, model, location, KINDS)
        request = {
            "source": str(found.folder.resolve()),
            "template": found.template,
            "dtype": dtype,
            "target": str(folder.resolve()),
            "out": work,
        }
        summary = ask_child(options, Path(work), "export", MODULE, request)
        files = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    _say(options, target, summary, files)


def _say(options: Options, target: Path, summary: dict[str, Any], files: dict[str, int]) -> None:
    size, what = size_text(sum(files.values())), WORDS[summary["role"]]
    options.console.info(f"{what} ({summary['architecture']}), {summary['dtype']}, {size} in {len(files)} files")
    if summary["role"] == "oracle" and summary["pad_token"] is None:
        options.console.warning("the tokenizer has no token to pad with: transformers takes one text at a time")
    if summary["reads_before_end"]:
        end = summary["end_token"]
        options.console.warning(
            f"it gives its reward at the token before `{end}`: leave that out for vLLM, as it pads with it"
        )
    if summary["ends_where_read"] is False:
        options.console.warning(
            f"the chat template goes on after `{summary['end_token']}`, where rewards are read: cut it there"
        )
    if summary["architecture"].startswith("Llama") and summary["activation"] != VLLM_LLAMA:
        options.console.warning(
            f"vLLM takes no Llama with the activation `{summary['activation']}`, only `{VLLM_LLAMA}`; transformers does"
        )
    if options.json:
        options.console.json({"format": 1, "path": str(target), **summary, "files": files})
    else:
        options.console.data(str(target))
