"""Chunks of rows with their token ids: the next chunk is tokenised, outside Python's lock, while one is worked on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from drdoctl.data import Row
from drdoctl.data._distance import edit_distances
from drdoctl.data._records import Bad
from drdoctl.data._render import Encoded, Renderer


@dataclass(frozen=True)
class Ids:
    """One row's ids in one tokenizer."""

    found: Encoded
    """Prompt and responses as they share their start."""
    laid: Encoded
    """The same as they go into the artifact: no prompt is empty."""
    reference: list[int] | None
    """A reference of its own, or the chosen response where it goes on otherwise from the whole prompt."""
    edit_distance: float | None
    """Between the two responses, where there are two."""


Tokens = Mapping[str, Ids | Bad]
"""Tokenizer's name -> a row's ids, or why it has none."""


def ahead(renderers: Mapping[str, Renderer], chunks: Iterable[list[Row]]) -> Iterator[tuple[list[Row], list[Tokens]]]:
    """Yield chunks with their tokens. One chunk is tokenised ahead; only that thread uses the tokenizers."""
    with ThreadPoolExecutor(1) as pool:
        held: tuple[list[Row], Future[list[Tokens]]] | None = None
        for chunk in chunks:
            following = chunk, pool.submit(tokens, renderers, chunk)
            if held is not None:
                yield held[0], held[1].result()
            held = following
        if held is not None:
            yield held[0], held[1].result()


def tokens(renderers: Mapping[str, Renderer], chunk: Sequence[Row]) -> list[Tokens]:
    """Return the tokens of many rows."""
    found = {who: _side(renderer, chunk) for who, renderer in renderers.items()}
    return [{who: ids[at] for who, ids in found.items()} for at in range(len(chunk))]


def _side(renderer: Renderer, chunk: Sequence[Row]) -> list[Ids | Bad]:
    pairs = renderer.encode([(row.prompt, _responses(row)) for row in chunk])
    own = [(at, row.reference) for at, row in enumerate(chunk) if row.reference not in (None, row.chosen)]
    references = renderer.encode([(chunk[at].prompt, [text]) for at, text in own if text is not None])
    by_row = {at: _reference(renderer, text, ids) for (at, text), ids in zip(own, references, strict=True)}
    distances = edit_distances([[] if isinstance(ids, Bad) else ids.responses for ids in pairs])
    return [
        ids if isinstance(ids, Bad) else _ids(renderer, row, ids, by_row.get(at), distance)
        for at, (row, ids, distance) in enumerate(zip(chunk, pairs, distances, strict=True))
    ]


def _responses(row: Row) -> list[str]:
    return [text for text in (row.chosen, row.rejected) if text is not None]


def _reference(renderer: Renderer, text: str | None, ids: Encoded | Bad) -> list[int] | None:
    """Return a reference's ids as they go on from the whole prompt."""
    if isinstance(ids, Bad) or text is None:
        return None
    return ids.responses[0] if not ids.tail else renderer.encode_apart(text)


def _ids(renderer: Renderer, row: Row, ids: Encoded, reference: list[int] | None, distance: float | None) -> Ids:
    if row.reference in (None, row.chosen) and row.chosen is not None and ids.tail:
        reference = renderer.encode_apart(row.chosen)
    laid = ids
    if not ids.prompt and ids.responses:  # a tree needs a prompt: no common start, so tokenise apart
        laid = Encoded(ids.tail, [], [renderer.encode_apart(text) for text in _responses(row)])
    return Ids(ids, laid, reference, distance)
