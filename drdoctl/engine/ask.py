"""A child that is asked one thing: it has torch, is given a request, and leaves an answer or what is wrong."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault, StageFailed, Where, error_class
from drdoctl.core.files import read_json, write_json
from drdoctl.engine.launch import environment, log_tail

LOG = "log.txt"


def ask(
    folder: Path,
    module: str,
    request: Mapping[str, Any],
    *,
    kind: str,
    device: str,
    who: str,
    hint: str,
    follow: Callable[[subprocess.Popen[bytes]], object] = subprocess.Popen.wait,
) -> dict[str, Any]:
    """Run `python -m MODULE folder/request.json` and return the summary in `result.json`. Raises what the child raised.

    `kind`: what its environment is for; `who` and `hint`: of the StageFailed of a child that ends without a word;
    `follow`: returns once the child has ended. The child's output stays in the folder's `log.txt`.
    """
    write_json(folder / "request.json", request)
    log = folder / LOG
    with log.open("wb") as sink:
        child = subprocess.Popen(  # noqa: S603  # our own program
            [sys.executable, "-m", module, str(folder / "request.json")],
            env=environment(kind, {"processes": 1, "threads": None, "device": device}, offline=True),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        follow(child)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    result = read_json(folder / "result.json")
    if isinstance(result, dict) and "summary" in result:
        return dict(result["summary"])
    if isinstance(result, dict) and "faults" in result:
        raise error_class(child.returncode)([_fault(plain) for plain in result["faults"]])
    said = next(iter(log_tail(log, 1)), "no message")
    raise StageFailed(f"{who} ended with {child.returncode}: {said}", code=kind, hint=hint)


def _fault(plain: Mapping[str, Any]) -> Fault:
    where = Where(plain["file"], plain["line"]) if plain["file"] else None
    return Fault(plain["code"], plain["message"], where, plain["hint"])
