"""`python -m chaos NAME ...`: run the module of that name with the options that follow it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path


def names() -> list[str]:
    """Return what can be run."""
    return sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py"))


def main(argv: Sequence[str]) -> int:
    """Run what the first word names, and return its exit code."""
    if not argv or argv[0] not in names():
        print(f"usage: python -m chaos NAME [options]; NAME is one of {', '.join(names())}", file=sys.stderr)
        return 2
    return int(import_module(f"chaos.{argv[0]}").main(argv[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
