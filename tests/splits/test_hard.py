from collections.abc import Sequence

import numpy as np
import pytest

from drdoctl.core.errors import UserError
from drdoctl.splits import PairTable
from drdoctl.splits._apply import apply_steps
from drdoctl.splits.hard import Hard


def columns(confidence, distance):
    ones = np.ones(len(confidence))
    return {
        "ids": [str(i) for i in range(len(ones))],
        "confidence": np.array(confidence),
        "edit_distance": np.array(distance),
        "chosen_tokens": ones,
        "rejected_tokens": ones,
    }


def test_both_below_their_medians():
    """`hard` keeps pairs strictly below both medians."""
    found = Hard().keep(PairTable(**columns([1.0, 2.0, 3.0, 4.0], [0.1, 0.4, 0.2, 0.3])), 0)
    assert found.tolist() == [0]


def test_steps_compose_and_report_their_means():
    """Each step sees only what the one before kept, indices stay those of the whole table, and means are recorded."""
    table = columns([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    rows, flipped, records, *_ = apply_steps([{"name": "easy"}, {"name": "hard"}], table, 0)
    assert rows.tolist() == [3]
    assert flipped.tolist() == [False]
    assert [(record["rows"], record["kept"]) for record in records] == [(6, 3), (3, 1)]
    assert records[0]["before"]["mean_confidence"] == 3.5
    assert records[1]["after"]["mean_edit_distance"] == 0.4


def test_ids_are_looked_up_only_for_messages():
    """A step that works on numbers reads no id; one that names pairs reads those it names, after earlier steps too."""
    read: list[int] = []

    class Ids(Sequence):
        def __len__(self):
            return 6

        def __getitem__(self, place):
            read.append(place)
            return f"pair-{place}"

    table = {**columns([1.0, 2.0, 3.0, 4.0, 5.0, np.nan], [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), "ids": Ids()}
    apply_steps([{"name": "easy", "missing": "drop"}, {"name": "hard"}], table, 0)
    assert read == []
    with pytest.raises(UserError, match="`pair-5`"):
        apply_steps([{"name": "all"}, {"name": "hard"}], table, 0)
    assert read == [5]


def test_no_steps_keep_everything():
    """An empty list of steps keeps all rows and reports nothing."""
    made = apply_steps([], columns([1.0, np.nan], [0.1, 0.2]), 0)
    assert made.rows.tolist() == [0, 1]
    assert made.records == []
