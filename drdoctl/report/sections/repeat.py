"""The exact commands that give these numbers again, and the spec that they take."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from drdoctl.report.markup import folded, note, text

TITLE = "Repeat it"
PLACE = 120


def html(report: Mapping[str, Any]) -> str:
    """Return the section."""
    source, parts = report["source"], []
    if source["text"]:
        parts.append(note("With the versions above, in a folder of its own:"))
        parts.append(f"<pre>{text(chr(10).join(commands(report)))}</pre>")
        parts.append(
            note("The plan must name the artifacts of the table of stages: then all settings and inputs are the same.")
        )
        parts.append(folded(f"{source['file']}, as it was written", f"<pre>{text(source['text'])}</pre>"))
    spec = json.dumps(report["spec"], indent=2, ensure_ascii=False)
    return "".join(parts) + folded("The resolved spec: every value, defaults included", f"<pre>{text(spec)}</pre>")


def commands(report: Mapping[str, Any]) -> list[str]:
    """Return what to type."""
    source = report["source"]
    given = " ".join([shlex.quote(source["file"]), *(f"--set {shlex.quote(one)}" for one in source["sets"])])
    return [f"drdoctl {verb} {given}" for verb in ("plan", "apply", "report", "doctor")]
