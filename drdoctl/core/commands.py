"""Command lines: of the programs that a spec names, and whether all is there to start them; and of hints."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.core.errors import Fault

SERVE = "vllm serve {model} --served-model-name {name} --dtype {dtype} --host 127.0.0.1 --port {port}"
"""Starts vLLM for one model: said outright is what it would otherwise take from its defaults (half precision for a
float32 model, all of the machine's addresses)."""
PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")
"""`{port}`; other braces, such as those of JSON, stay as they are."""


def quoted(value: object) -> str:
    """Return a value as one word of a command that a hint prints: paths hold spaces, and people paste hints."""
    return shlex.quote(str(value))


def placeholders(command: str) -> list[str]:
    """Return the names in braces, each once, as they come."""
    return list(dict.fromkeys(PLACEHOLDER.findall(command)))


def words(command: str, values: Mapping[str, str] | None = None) -> list[str]:
    """Return the command's words as a shell splits them, placeholders filled in. Raises ValueError for an open quote.

    Filled in after the split, so that a path with a space stays one word; no shell ever sees the line.
    """
    known = values or {}
    return [PLACEHOLDER.sub(lambda found: known.get(found[1], found[0]), word) for word in shlex.split(command)]


def program(name: str) -> str | None:
    """Return the path of a program on PATH, or beside this interpreter as in a virtual environment; None without."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent)) if Path(name).name == name else None
    return shutil.which(name) or beside


def lacks_key(section: str, server: Mapping[str, Any]) -> list[Fault]:
    """Return the fault that the variable with a server's key is not set. `section`: where the spec describes it."""
    name = server["key_env"]
    if name is None or os.environ.get(name, "").strip():
        return []
    hint = f"set it to the server's key and run the same command again: `export {name}=…`"
    return [Fault("no-key", f"`{section}.key_env` names `{name}`, which is not set", None, hint)]


def not_ready(server: Mapping[str, Any]) -> list[Fault]:
    """Return what this machine lacks for `resources.server`: its key, or the program that starts it."""
    faults = lacks_key("resources.server", server)
    first = words(server["command"])[0]
    if server["url"] is None and program(first) is None:
        hint = "`pip install vllm`, give `resources.server` another `command` or a `url`, or leave `sampler` out"
        faults.append(Fault("no-server", f"`sampler: server` starts `{first}`, which is not installed", None, hint))
    return faults
