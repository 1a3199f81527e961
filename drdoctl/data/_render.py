"""Rows -> token ids, as one tokenizer and its chat template want them.

- Prompt and response are tokenised as one text. The response starts where the tokens of the prompt alone and of the
  whole text part; so what is scored is what the model would have read. Both responses share the prompt, so the
  earlier of the two points counts.
- Text that spells a special token in what people or models wrote stays text: only the template makes control tokens.
- The tokenizer's start token (where it puts one) stands once, at the prompt's start; one end token ends a response.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drdoctl.core.errors import UserError
from drdoctl.data import Turns
from drdoctl.data._records import Bad
from drdoctl.data._template import PROBE, Template, unmasked

CHARACTERS_PER_TOKEN = 256


@dataclass(frozen=True)
class Encoded:
    """One row's ids: the prompt up to the shared point, what is cut off it, the responses with their end tokens."""

    prompt: list[int]
    tail: list[int]
    """Tokens of the prompt alone that the whole text merges with the response; nearly always none."""
    responses: list[list[int]]
    special: bool = False
    """Whether the texts spell a special token, which was kept as text."""

    @property
    def whole_prompt(self) -> list[int]:
        """Return the prompt as it is tokenised alone: what a sampled response goes on from."""
        return self.prompt + self.tail


@dataclass(frozen=True)
class Written:
    """A text to tokenise, and the special tokens' spellings that its masks stand for."""

    text: str
    hidden: tuple[str, ...] = ()


class Renderer:
    """Renders and tokenises rows for one tokenizer."""

    def __init__(self, tokenizer: Any, template: str, key: str = "student.tokenizer") -> None:
        """`template`: `auto` or `none`; `key`: the spec's key, for messages. Raises UserError without an end token."""
        self.tokenizer = tokenizer
        self._template = Template(tokenizer, template)
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._added = {token.content: (ident, token) for ident, token in tokenizer.added_tokens_decoder.items()}
        self._prefix = self._start_ids()
        end = self._template.end_token
        if end is None:
            raise UserError(
                "the tokenizer has no end token, so no response could ever end",
                code="no-end-token",
                hint=f"name an `eos_token` in the `tokenizer_config.json` of `{key}`",
            )
        self.end_token, self.end_id = end, int(tokenizer.convert_tokens_to_ids(end))
        self._characters = max(CHARACTERS_PER_TOKEN, *map(len, self._backend.get_vocab()))
        self._heads_part = self._template.chat and self._parts_at_control_tokens()

    @property
    def trims(self) -> bool:
        """Whether the chat template takes white space off a response's ends."""
        return self._template.trims

    def may_fit(self, text: str, tokens: int) -> bool:
        """Whether a text can have at most so many tokens; False only where its mere length rules it out."""
        return len(text) <= tokens * self._characters

    def without_special(self, text: str) -> str:
        """Return a text without what spells special tokens."""
        return self._template.special.sub("", text)

    def prompt_text(self, prompt: Turns) -> str:
        """Return the prompt as the model reads it. Raises `Bad` where the template refuses the turns."""
        return self._template.prompt(prompt, None)

    def encode(self, rows: Sequence[tuple[Turns, Sequence[str]]]) -> list[Encoded | Bad]:
        """Return the ids of many rows, each a prompt and any number of responses to it; `Bad` where a row has none.

        Raises UserError where the tokenizer has no token for a word.
        """
        texts: list[Written] = []
        spans: list[tuple[int, int] | Bad] = []
        for prompt, responses in rows:
            try:
                made = self._texts(prompt, responses)
            except Bad as bad:
                spans.append(bad)
                continue
            spans.append((len(texts), len(texts) + len(made)))
            texts += made
        ids = self._ids(texts)
        special = [bool(written.hidden) for written in texts]
        return [
            span
            if isinstance(span, Bad)
            else self._row(ids[span[0] : span[1]], special=any(special[span[0] : span[1]]))
            for span in spans
        ]

    def encode_apart(self, response: str) -> list[int]:
        """Return a response's ids tokenised by itself, with its end token: for a prompt whose ids are given.

        Raises UserError as `encode` does.
        """
        hidden: list[str] = []
        text = self._template.response(response, hidden)
        return [*self._ids([Written(text, tuple(hidden))])[0], self.end_id]

    def describe(self) -> dict[str, Any]:
        """Return what later stages and readers must know, as plain JSON."""
        tokenizer = self.tokenizer
        return {
            "template": "chat" if self._template.chat else "plain",
            "end_token": self.end_token,
            "end_token_id": self.end_id,
            "start_tokens": [tokenizer.convert_ids_to_tokens(ident) for ident in self._prefix],
            "pad_token": tokenizer.pad_token,
            "pad_token_id": tokenizer.pad_token_id,
            "vocabulary": len(tokenizer),
        }

    def _start_ids(self) -> list[int]:
        """Return what the tokenizer itself puts before a text."""
        words = ("a", *(word for word in self._backend.get_vocab() if word not in self._added))
        known = next(filter(self._knows, words), "")
        bare = self._backend.encode(known, add_special_tokens=False).ids
        full = self._backend.encode(known, add_special_tokens=True).ids
        start = next((at for at in range(len(full)) if full[at : at + len(bare)] == bare), 0)
        return list(full[:start])

    def _parts_at_control_tokens(self) -> bool:
        """Whether a text after a control token is tokenised as it is alone, so that a prompt's head is done once."""
        prompt = self._template.prompt(PROBE, None)
        at = self._head_end(prompt)
        tail = f"{prompt[at:]} {PROBE} 2\n{PROBE}"
        try:
            whole, head, rest = self._ids([Written(prompt[:at] + tail), Written(prompt[:at]), Written(tail)])
        except UserError:  # the probe's words have no tokens
            return False
        return at > 0 and whole == head + rest

    def _head_end(self, prompt: str) -> int:
        """Return where the last control token of a prompt ends, or 0."""
        return max((match.end() for match in self._template.special.finditer(prompt)), default=0)

    def _texts(self, prompt: Turns, responses: Sequence[str]) -> list[Written]:
        """Return the texts to tokenise: the prompt's head (may be empty), its rest, the rest with each response."""
        hidden: list[str] = []
        text = self._template.prompt(prompt, hidden)
        at = self._head_end(text) if self._heads_part else 0
        head, rest = text[:at], text[at:]
        made = [Written(head, tuple(hidden)), Written(rest, tuple(hidden))]
        for response in responses:
            more = list(hidden)
            said = self._template.response(response, more)
            made.append(Written(f"{rest}{self._template.joint(text, said)}{said}", tuple(more)))
        return made

    def _ids(self, texts: list[Written]) -> list[list[int]]:
        """Return the ids of texts. Those that hide nothing go as a batch; the few others piece by piece."""
        self._backend.encode_special_tokens = not self._template.chat
        whole = [written.text for written in texts if not written.hidden]
        try:
            batch = iter(self._backend.encode_batch_fast(whole, add_special_tokens=False))
        except Exception:  # the tokenizers library has no class of its own
            self._name_unknown(whole)
            raise
        return [self._pieces(written) if written.hidden else next(batch).ids for written in texts]

    def _pieces(self, written: Written) -> list[int]:
        """Return the ids of a text between whose control tokens hidden text stands, which must stay text."""
        text, hidden = written.text, written.hidden
        if not self._template.chat:
            return self._plain(unmasked(text, hidden))
        ids: list[int] = []
        at = 0
        strip_next = False
        for match in self._template.special.finditer(text):
            ident, token = self._added[match[0]]
            piece = text[at : match.start()]
            piece = piece.lstrip() if strip_next else piece
            ids += [*self._plain(unmasked(piece.rstrip() if token.lstrip else piece, hidden)), ident]
            at, strip_next = match.end(), token.rstrip
        return ids + self._plain(unmasked(text[at:].lstrip() if strip_next else text[at:], hidden))

    def _plain(self, text: str) -> list[int]:
        if not text:
            return []
        before = self._backend.encode_special_tokens
        self._backend.encode_special_tokens = True
        try:
            return list(self._backend.encode(text, add_special_tokens=False).ids)
        except Exception:
            self._name_unknown([text])
            raise
        finally:
            self._backend.encode_special_tokens = before

    def _name_unknown(self, texts: list[str]) -> None:
        """Raise UserError with the first word that the tokenizer refuses: it has no token for unknown words."""
        splitter = self._backend.pre_tokenizer
        for text in texts:
            for part in self._template.special.split(text) if self._template.chat else [text]:
                spans = [span for _, span in splitter.pre_tokenize_str(part)] if splitter else [(0, len(part))]
                for start, end in spans:
                    if not self._knows(part[start:end]):
                        raise UserError(
                            f"the tokenizer has no token for `{part[start:end]:.60}`, and none for unknown words",
                            code="unknown-word",
                            hint="write it in other words, leave the row out, or take a model whose tokenizer knows it",
                        )

    def _knows(self, word: str) -> bool:
        try:
            self._backend.encode(word, add_special_tokens=False)
        except Exception:  # noqa: BLE001 -- see `_ids`
            return False
        return True

    def _row(self, found: list[list[int]], *, special: bool) -> Encoded:
        head, rest, *wholes = found
        start = self._prefix
        if self._template.chat and (head or rest)[: len(start)] == start:
            start = []  # the template has put it there
        at = min((shared(rest, whole) for whole in wholes), default=len(rest))
        return Encoded(start + head + rest[:at], rest[at:], [[*whole[at:], self.end_id] for whole in wholes], special)


def shared(first: list[int], second: list[int]) -> int:
    """Return how many ids two lists have in common at their start."""
    if second[: len(first)] == first:
        return len(first)
    return next(
        at for at, (one, other) in enumerate(zip([*first, None], [*second, None], strict=False)) if one != other
    )
