"""One side of a measurement in a fresh process: `python -m benchmarks.side MODULE:FUNCTION ARGUMENTS RESULT`."""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from benchmarks.records import peak_mib

PACKAGES = ("torch", "transformers", "deepspeed", "trl")


def main(argv: list[str]) -> None:
    """Call the function with the JSON arguments and leave its record in the result file."""
    target, arguments, result = argv
    module, _, function = target.partition(":")
    record = getattr(importlib.import_module(module), function)(**json.loads(arguments))
    record.setdefault("peak_mib", peak_mib())
    from drdoctl.store.manifest import versions  # only now: a peer is measured without anything of ours

    Path(result).write_text(json.dumps({**record, "versions": versions(PACKAGES)}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # the record is written; tearing torch down takes long
