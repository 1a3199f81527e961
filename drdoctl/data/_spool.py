"""Rows on their way to the artifact: checked, tokenised and measured in chunks, and written to a work file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from drdoctl.data import BadRow, Row
from drdoctl.data._encode import Ids, Tokens, ahead
from drdoctl.data._ledger import Ledger
from drdoctl.data._marks import Marks, Seen, confidence, hash_text
from drdoctl.data._notice import Repeats, look
from drdoctl.data._records import NUMBERS, TEXTS, Bad
from drdoctl.data._render import Encoded, Renderer

if TYPE_CHECKING:
    import pyarrow as pa

CHUNK_ROWS = 512
CHUNK_CHARACTERS = 8 << 20
GROUP_ROWS = 1024
"""Rows in a Parquet row group; fixed, so that the same rows give the same bytes."""


@dataclass(frozen=True)
class Limits:
    """Most tokens of a prompt, and of a prompt with its longer response."""

    prompt: int
    both: int


@dataclass
class Spool:
    """One part's work file and its marks."""

    path: Path
    part: str
    marks: Marks = field(default_factory=Marks)
    repeats: Repeats = field(default_factory=Repeats)


class Spooler:
    """Turns the rows of a source into work files."""

    def __init__(
        self, renderers: dict[str, Renderer], limits: Limits, ledger: Ledger, between: Callable[[], None]
    ) -> None:
        """Take the renderers of `student`, and of `oracle` where it differs; `between` runs after every chunk."""
        self.renderers = renderers
        self.limits = limits
        self.ledger = ledger
        self.between = between

    def spool(self, part: str, rows: Iterable[Row | BadRow], path: Path) -> Spool:
        """Write the rows that can be used to `path`. After a fault rows are only read and counted."""
        import pyarrow.parquet as pq

        spool = Spool(path, part)
        path.parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(path, schema(list(self.renderers), work=True), compression="lz4") as writer:
            for chunk, found in ahead(self.renderers, self._chunks(part, rows)):
                records = self._records(spool, chunk, found)
                if records:
                    writer.write_table(_table(records, writer.schema), row_group_size=GROUP_ROWS)
                self.between()
        spool.repeats.tell(spool.marks.prompt, path, part, self.ledger)
        return spool

    def _chunks(self, part: str, rows: Iterable[Row | BadRow]) -> Iterator[list[Row]]:
        """Yield usable rows in chunks that are bounded in rows and in characters; an id may occur once.

        After a fault there is nothing to tokenise.
        """
        seen = Seen()
        chunk: list[Row] = []
        characters = 0
        for row in rows:
            self.ledger.saw(part)
            if isinstance(row, BadRow):
                self.ledger.bad(part, row)
                continue
            if not seen.add(hash_text(row.id)):
                hint = "give every row an id of its own, or none"
                self.ledger.bad(part, BadRow("duplicate-id", f"id `{row.id:.60}` is there twice", row.where, hint))
                continue
            if not self._may_fit(row):
                self.ledger.drop(part, "long-pair", row.where)
                continue
            chunk.append(row)
            characters += sum(len(text) for text in row.texts)
            if len(chunk) >= CHUNK_ROWS or characters >= CHUNK_CHARACTERS:
                yield chunk if not self.ledger.faults else []
                chunk, characters = [], 0
        yield chunk if not self.ledger.faults else []

    def _may_fit(self, row: Row) -> bool:
        return all(
            renderer.may_fit(text, self.limits.both) for renderer in self.renderers.values() for text in row.texts
        )

    def _records(self, spool: Spool, chunk: list[Row], found: list[Tokens]) -> list[dict[str, Any]]:
        records = [self._record(spool, row, tokens) for row, tokens in zip(chunk, found, strict=True)]
        return [record for record in records if record is not None]

    def _record(self, spool: Spool, row: Row, tokens: Tokens) -> dict[str, Any] | None:
        good: dict[str, Ids] = {}
        for who, ids in tokens.items():
            if isinstance(ids, Bad):
                self.ledger.bad(spool.part, BadRow(ids.code, ids.message, row.where, ids.hint))
                return None
            reason = self._too_long(ids.found)
            if reason:
                suffix = "" if who == "student" else f"-{who}"
                self.ledger.drop(spool.part, f"{reason}{suffix}", row.where)
                return None
            good[who] = ids
        record: dict[str, Any] = {
            "id": row.id,
            "prompt": self.renderers["student"].prompt_text(row.prompt),
            "chosen": row.chosen,
            "rejected": row.rejected,
            "reference": row.reference,
            "confidence": confidence(row),
            "score_chosen": row.score_chosen,
            "score_rejected": row.score_rejected,
            "preference": row.preference,
            "edit_distance": good["student"].edit_distance,
            "where": row.where,
        }
        for who, ids in good.items():
            record |= _columns(who, ids)
        self._drop_long_reference(spool.part, record)
        spool.marks.add(record, row.prompt)
        spool.repeats.add(row, spool.marks.prompt[-1])
        for code in look(row, self.renderers["student"], special=good["student"].found.special):
            self.ledger.notice(spool.part, code, [row.where])
        return record

    def _drop_long_reference(self, part: str, record: dict[str, Any]) -> None:
        """Leave a reference out that does not fit the limits: the row is still a sound pair."""
        lengths = [
            len(record[f"{who}_prompt"]) + len(record[f"{who}_tail"]) + len(record[f"{who}_reference"] or ())
            for who in self.renderers
        ]
        if record["reference"] is not None and max(lengths) > self.limits.both:
            record |= {"reference": None, **{f"{who}_reference": None for who in self.renderers}}
            self.ledger.long_references[part] = self.ledger.long_references.get(part, 0) + 1

    def _too_long(self, ids: Encoded) -> str | None:
        if len(ids.whole_prompt) > self.limits.prompt:
            return "long-prompt"
        both = len(ids.prompt) + max(map(len, ids.responses), default=0)
        return "long-pair" if both > self.limits.both else None


def _columns(who: str, ids: Ids) -> dict[str, Any]:
    """Return the columns of one tokenizer."""
    pair = dict(zip(("chosen", "rejected"), ids.laid.responses, strict=False))
    return {
        f"{who}_prompt": ids.laid.prompt,
        f"{who}_tail": ids.laid.tail,
        f"{who}_chosen": pair.get("chosen"),
        f"{who}_rejected": pair.get("rejected"),
        f"{who}_reference": ids.reference,
    }


PAIR_TEXTS = ("id", *TEXTS)
PAIR_NUMBERS = (*NUMBERS, "edit_distance")


def schema(tokenizers: list[str], *, work: bool = False) -> pa.Schema:
    """Return the columns of `train.parquet` and `eval.parquet`; `work` adds what only this stage reads."""
    import pyarrow as pa

    ids = ("prompt", "chosen", "rejected", *(("tail", "reference") if work else ()))
    return pa.schema(
        [(name, pa.string()) for name in PAIR_TEXTS]
        + [(name, pa.float64()) for name in PAIR_NUMBERS]
        + ([("where", pa.string())] if work else [])
        + [(f"{who}_{name}", pa.list_(pa.int32())) for who in tokenizers for name in ids],
    )


def _table(records: list[dict[str, Any]], columns: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(records, schema=columns)
