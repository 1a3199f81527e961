"""A verb's child process, which has torch: it is given a request, followed, and its answer read."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.cli.options import Options
from drdoctl.core.errors import Fault, StageFailed, Where, error_class
from drdoctl.core.files import read_json, write_json


def ask_child(
    options: Options, folder: Path, verb: str, module: str, request: Mapping[str, Any], *, device: str = "cpu"
) -> dict[str, Any]:
    """Run `python -m MODULE folder/request.json` and return its summary; progress goes to the console.

    Raises what the child raised, and StageFailed where it ended without a word.
    """
    from drdoctl.engine.launch import environment, log_tail

    write_json(folder / "request.json", request)
    settings = {"processes": 1, "threads": None, "device": device}
    log = folder / "log.txt"
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", module, str(folder / "request.json")],
            env=environment(verb, settings, offline=True),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        _follow(options, folder, verb, child)
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
        f"the process of `drdoctl {verb}` ended with {child.returncode}: {tail[0] if tail else 'no message'}",
        code=verb,
        hint="run the same command with `-v` for its last lines; signal 9 means that memory ran out",
    )


def _follow(options: Options, folder: Path, verb: str, child: subprocess.Popen[bytes]) -> None:
    with options.console.progress() as progress:
        while child.poll() is None:
            time.sleep(0.05)
            seen = read_json(folder / "progress.json")
            if seen:
                progress.update(f"{verb}  {seen['step']:,} of {seen['steps']:,} {seen.get('unit', 'step')}s")


def _fault(plain: Mapping[str, Any]) -> Fault:
    where = Where(plain["file"], plain["line"]) if plain["file"] else None
    return Fault(plain["code"], plain["message"], where, plain["hint"])
