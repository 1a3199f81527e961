"""What a verb's child process leaves for the verb: `result.json`, with a summary or with the faults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from drdoctl.core.errors import DrdoError
from drdoctl.core.files import write_json


def answer(folder: Path, work: Callable[[], dict[str, Any]]) -> int:
    """Do the work, leave what it returned, or its faults, in `folder`, and return the exit code."""
    try:
        result: dict[str, Any] = {"summary": work()}
        code = 0
    except DrdoError as error:
        result, code = {"faults": plain_faults(error)}, error.exit_code
    write_json(folder / "result.json", result)
    return code


def plain_faults(error: DrdoError) -> list[dict[str, Any]]:
    """Return an error's faults as JSON, for the process that asked."""
    return [
        {
            "code": fault.code,
            "message": fault.message,
            "hint": fault.hint,
            "file": fault.where.file if fault.where else None,
            "line": fault.where.line if fault.where else None,
        }
        for fault in error.faults
    ]
