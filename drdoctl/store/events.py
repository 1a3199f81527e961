"""The events of a run: one table, from which the JSON Schema is made and against which each line is written.

`runs/<id>/events.jsonl` holds one JSON object a line; `apply --json` prints the same lines.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from drdoctl.core.words import DIALECT

FORMAT = 1
_STRING = {"type": "string"}
_INTEGER = {"type": "integer", "minimum": 0}
_NUMBER = {"type": ["number", "null"]}
_STAGE = {
    "id": (_STRING, "the stage's name in the plan: `align[drdo]`"),
    "artifact": (_STRING, "the folder's name in the store"),
}
_FAULT = {
    "type": "object",
    "properties": {
        "code": _STRING,
        "message": _STRING,
        "where": {"type": ["string", "null"]},
        "hint": {"type": ["string", "null"]},
    },
    "required": ["code", "message"],
    "additionalProperties": False,
}
_STEP = {
    "step": (_INTEGER, "how many steps are done"),
    "steps": (_INTEGER, "of how many; 0: not known yet"),
}

Field = tuple[dict[str, Any], str]
EVENTS: dict[str, tuple[str, dict[str, Field]]] = {
    "run_started": (
        "an apply took the store",
        {
            "run": (_STRING, "the run's id: its folder below `runs/`"),
            "spec": (_STRING, "the spec's name"),
            "command": ({"type": "array", "items": _STRING}, "the command line, without the program"),
            "pid": (_INTEGER, "process id of the apply"),
            "host": (_STRING, "the machine's name"),
            "version": (_STRING, "version of drdoctl"),
        },
    ),
    "plan": (
        "what will be done",
        {
            "stages": (
                {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {"id": _STRING, "kind": _STRING, "artifact": _STRING, "action": _STRING},
                        "required": ["id", "kind", "artifact", "action"],
                        "additionalProperties": False,
                    },
                },
                "every stage with its action, inputs first",
            ),
            "summary": ({"type": "object", "additionalProperties": _INTEGER}, "action -> number of stages"),
        },
    ),
    "stage_started": ("a stage's child starts", {**_STAGE, "log": (_STRING, "path of its output")}),
    "stage_resumed": (
        "as stage_started, and earlier work is gone on with",
        {**_STAGE, **_STEP, "unit": (_STRING, "what a step is")},
    ),
    "stage_progress": (
        "a stage is at work; at most one every two seconds",
        {
            **_STAGE,
            **_STEP,
            "unit": (_STRING, "what a step is"),
            "loss": (_NUMBER, "the last loss"),
            "tokens_per_second": (_NUMBER, "over all processes"),
            "seconds_left": (_NUMBER, "forecast"),
        },
    ),
    "stage_checkpoint": ("a resume would go on from this step", {**_STAGE, "step": _STEP["step"]}),
    "stage_finished": (
        "the artifact is committed",
        {**_STAGE, "path": (_STRING, "the artifact's folder"), "seconds": (_NUMBER, "all runs of the stage together")},
    ),
    "stage_failed": (
        "a stage ended without its artifact",
        {**_STAGE, "faults": ({"type": "array", "items": _FAULT}, "what went wrong"), "log": (_STRING, "path")},
    ),
    "stage_skipped": (
        "a stage will not run because of another",
        {**_STAGE, "because": ({"type": "array", "items": _STRING}, "the stages that failed")},
    ),
    "stage_stopped": (
        "a signal stopped a stage",
        {**_STAGE, "signal": (_STRING, "SIGINT, SIGTERM, SIGHUP or SIGUSR1")},
    ),
    "warning": ("something was mended or is doubtful", {"message": (_STRING, "one sentence")}),
    "run_finished": (
        "the apply ends",
        {"exit_code": (_INTEGER, "as the command's"), "seconds": (_NUMBER, "of the whole apply")},
    ),
}


def make(event: str, **fields: Any) -> dict[str, Any]:
    """Return one event, stamped. A field that the table does not know, or a missing one, is a fault of the program."""
    if set(fields) != set(EVENTS[event][1]):
        message = f"event {event} has fields {sorted(fields)}, not {sorted(EVENTS[event][1])}"
        raise TypeError(message)
    return {
        "format": FORMAT,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "event": event,
        **fields,
    }


TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "array": list,
    "object": dict,
    "null": type(None),
}


def whole(event: Any) -> bool:
    """Tell whether a line of a journal is an event that this table knows, with all its fields, each of its kind."""
    if not isinstance(event, dict) or event.get("format") != FORMAT:
        return False
    name, stamp = event.get("event"), event.get("time")
    if not isinstance(name, str) or name not in EVENTS or not isinstance(stamp, str):
        return False
    try:
        known = datetime.fromisoformat(stamp).tzinfo is not None
    except ValueError:
        return False
    return known and all(field in event and _fits(event[field], shape) for field, (shape, _) in EVENTS[name][1].items())


def _fits(value: Any, shape: dict[str, Any]) -> bool:
    """Tell whether a value is of a shape's types, and so are its items and what it must hold."""
    types = [shape["type"]] if isinstance(shape["type"], str) else shape["type"]
    if not any(isinstance(value, TYPES[name]) for name in types):
        return False
    if isinstance(value, list):
        return all(_fits(item, shape["items"]) for item in value)
    if isinstance(value, dict):
        inner = shape.get("properties", {})
        required = all(name in value for name in shape.get("required", ()))
        return required and all(_fits(value[name], inner[name]) for name in value if name in inner)
    return True


def schema() -> dict[str, Any]:
    """Return the JSON Schema of one line of `events.jsonl`."""
    return {
        "$schema": DIALECT,
        "title": "drdoctl event",
        "description": "One line of a run's events.jsonl, and of `drdoctl apply --json`",
        "oneOf": [_one(name, about, fields) for name, (about, fields) in EVENTS.items()],
    }


def _one(name: str, about: str, fields: dict[str, Field]) -> dict[str, Any]:
    head: dict[str, Any] = {
        "format": {"const": FORMAT},
        "time": {"type": "string", "format": "date-time", "description": "UTC"},
        "event": {"const": name},
    }
    body = {key: {**shape, "description": text} for key, (shape, text) in fields.items()}
    properties = {**head, **body}
    return {
        "title": name,
        "description": about,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
