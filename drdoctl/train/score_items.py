"""Rows of a file as a reward model reads them: rendered, tokenised, and refused where they cannot be scored."""

from __future__ import annotations

from collections.abc import Sequence

from drdoctl.core.architectures import Limit
from drdoctl.core.errors import Fault, UserError, Where
from drdoctl.data._records import Bad
from drdoctl.data._render import Encoded, Renderer
from drdoctl.train.batches import Item
from drdoctl.train.score_rows import SHOWN, Row


def items_of(rows: Sequence[Row], renderer: Renderer, limit: Limit | None) -> list[Item]:
    """Return the rows' ids. Raises UserError naming the rows that have none or are too long, the first `SHOWN`."""
    try:
        found = renderer.encode([(row.prompt, row.responses) for row in rows])
    except UserError:  # a word that has no token: in which row?
        found = [_encoded(row, renderer) for row in rows]
    items: list[Item] = []
    faults: list[Fault] = []
    for row, encoded in zip(rows, found, strict=True):
        if isinstance(encoded, Bad):
            faults.append(Fault(encoded.code, encoded.message, Where(row.where), encoded.hint))
        else:
            items.append((encoded.prompt, tuple(encoded.responses)))
    if faults:
        raise UserError(faults[:SHOWN])
    _check_room(rows, items, limit)
    return items


def _encoded(row: Row, renderer: Renderer) -> Encoded | Bad:
    try:
        return renderer.encode([(row.prompt, row.responses)])[0]
    except UserError as error:
        (fault,) = error.faults
        return Bad(fault.code, fault.message, fault.hint)


def _check_room(rows: Sequence[Row], items: Sequence[Item], limit: Limit | None) -> None:
    """Refuse rows that are longer than the model takes: what came out would be noise."""
    if limit is None:
        return
    each = [len(prompt) + max(map(len, answers)) for prompt, answers in items]
    long = [index for index, length in enumerate(each) if length > limit.tokens]
    if long:
        faults = [
            Fault(
                "too-long",
                f"the row has {each[index]} tokens, and the oracle takes {limit.tokens} tokens at most: {limit.reason}",
                Where(rows[index].where),
                "shorten the row, or leave it out",
            )
            for index in long[:SHOWN]
        ]
        raise UserError(faults)
