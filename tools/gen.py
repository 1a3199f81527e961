"""Write what is made from the code: `schemas/*.schema.json`, `docs/cli.md`, what cards of `zoo/` take from recipes.

With `--check`, only say what is stale.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from catalogue import stale_cards

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = {
    "spec": "drdoctl.spec.schema:schema",
    "plan": "drdoctl.plan.schema:schema",
    "events": "drdoctl.store.events:schema",
    "card": "drdoctl.zoo.shelf:schema",
    "report": "drdoctl.report.model:schema",
    "doctor": "drdoctl.doctor.model:schema",
}
"""Document -> the function that returns its JSON Schema."""


def made(where: str) -> Any:
    """Return what `module:function` returns."""
    module, _, name = where.partition(":")
    function: Callable[[], Any] = getattr(importlib.import_module(module), name)
    return function()


def stale_schemas() -> dict[Path, str]:
    """Return path -> new text of every schema whose file says something else."""
    found = {}
    for name, where in SCHEMAS.items():
        path = ROOT / "schemas" / f"{name}.schema.json"
        schema = made(where)
        if not path.is_file() or json.loads(path.read_text(encoding="utf-8")) != schema:
            found[path] = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
    return found


def stale_pages() -> dict[Path, str]:
    """Return path -> new text of the command-line reference, where the file says something else."""
    path, text = ROOT / "docs" / "cli.md", made("drdoctl.cli._reference:markdown")
    current = path.is_file() and path.read_text(encoding="utf-8") == text
    return {} if current else {path: text}


def main(argv: list[str]) -> int:
    """Write or check; returns the exit code."""
    stale = {**stale_schemas(), **stale_pages(), **stale_cards()}
    for path, text in stale.items():
        name = path.relative_to(ROOT)
        if argv == ["--check"]:
            sys.stdout.write(f"{name} is not current: run `make gen`\n")
        else:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    return 1 if stale and argv == ["--check"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
