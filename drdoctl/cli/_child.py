"""A verb's child process, which has torch: it is given a request, followed, and its answer read."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.cli.options import Options
from drdoctl.core.errors import StageFailed
from drdoctl.core.files import read_json


def ask_child(
    options: Options, folder: Path, verb: str, module: str, request: Mapping[str, Any], *, device: str = "cpu"
) -> dict[str, Any]:
    """Run `python -m MODULE folder/request.json` and return its summary; progress goes to the console.

    Raises what the child raised, and StageFailed where it ended without a word.
    """
    from drdoctl.engine.ask import LOG, ask
    from drdoctl.engine.launch import log_tail

    try:
        return ask(
            folder,
            module,
            request,
            kind=verb,
            device=device,
            who=f"the process of `drdoctl {verb}`",
            hint="run the same command with `-v` for its last lines; signal 9 means that memory ran out",
            follow=lambda child: _follow(options, folder, verb, child),
        )
    except StageFailed:
        for line in log_tail(folder / LOG):
            options.console.debug(line)
        raise


def _follow(options: Options, folder: Path, verb: str, child: subprocess.Popen[bytes]) -> None:
    with options.console.progress() as progress:
        while child.poll() is None:
            time.sleep(0.05)
            seen = read_json(folder / "progress.json")
            if seen:
                progress.update(f"{verb}  {seen['step']:,} of {seen['steps']:,} {seen.get('unit', 'step')}s")
