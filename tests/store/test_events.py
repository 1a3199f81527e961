import json
from pathlib import Path

import jsonschema
import pytest

from drdoctl.store.artifact import Store
from drdoctl.store.events import EVENTS, schema
from drdoctl.store.run import Run, read_events

SAMPLE = {"string": "x", "integer": 1, "number": 0.5, "array": [], "object": {}}


def sample(shape):
    """Return a value that a field's shape allows."""
    kind = shape["type"]
    return SAMPLE[kind if isinstance(kind, str) else kind[0]]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_fits_the_schema_and_bad_ones_do_not(tmp_path, event):
    """A journal line of each kind validates; with a field missing, or one too many, it does not."""
    store = Store(tmp_path / "store")
    run = Run.start(store, "toy")
    run.emit(event, **{name: sample(shape) for name, (shape, _) in EVENTS[event][1].items()})
    line = list(read_events(run.folder))[-1]
    validator = jsonschema.Draft202012Validator(schema())
    validator.validate(line)
    assert not validator.is_valid({**line, "extra": 1})
    assert not validator.is_valid({key: value for key, value in line.items() if key != "time"})


def test_the_shipped_schema_is_current():
    """`schemas/events.schema.json` is what the table gives."""
    shipped = Path(__file__).parents[2] / "schemas" / "events.schema.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == schema()
