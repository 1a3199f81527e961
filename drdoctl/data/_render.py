"""Rows -> token ids, as one tokenizer and its chat template want them.

- Prompt and response are tokenised as one text. The response starts where the tokens of the prompt alone and of the
  whole text part; so what is scored is what the model would have read. Both responses share the prompt, so the
  earlier of the two points counts.
- Text that spells a special token in what people or models wrote stays text: only the template makes control tokens.
- The tokenizer's start token (where it puts one) stands once, at the prompt's start; one end token ends a response.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drdoctl.core.errors import UserError
from drdoctl.data import Turns
from drdoctl.data._records import Bad

WORDS = {"system": "", "user": "Human: ", "assistant": "Assistant: "}
PROBE = "drdoctlprobe"
DATE = "26 Jul 2024"
"""What templates that print the day are told, so that the same data gives the same tokens every day."""
HIDDEN = re.compile("\ue000([0-9]+)\ue001")


@dataclass(frozen=True)
class Encoded:
    """One row's ids: the prompt up to the shared point, what is cut off it, the responses with their end tokens."""

    prompt: list[int]
    tail: list[int]
    """Tokens of the prompt alone that the whole text merges with the response; nearly always none."""
    responses: list[list[int]]

    @property
    def whole_prompt(self) -> list[int]:
        """Return the prompt as it is tokenised alone: what a sampled response goes on from."""
        return self.prompt + self.tail


class Renderer:
    """Renders and tokenises rows for one tokenizer."""

    def __init__(self, tokenizer: Any, template: str, key: str = "student.tokenizer") -> None:
        """`template`: `auto` or `none`; `key`: the spec's key, for messages. Raises UserError without an end token."""
        self.tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._backend.no_truncation()
        self._backend.no_padding()
        self._added = {
            token.content: (ident, token) for ident, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        longest_first = sorted(self._added, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self.templated = template == "auto" and bool(tokenizer.chat_template)
        self._prefix = self._start_ids()
        self._trims = False
        self.end_token = self._find_end(key)
        self.end_id = int(tokenizer.convert_tokens_to_ids(self.end_token))
        self._characters = max(256, *map(len, self._backend.get_vocab()))

    def may_fit(self, text: str, tokens: int) -> bool:
        """Whether a text can have at most so many tokens; False only where its mere length rules it out."""
        return len(text) <= tokens * self._characters

    def prompt_text(self, prompt: Turns) -> str:
        """Return the prompt as the model reads it. Raises `Bad` where the template refuses the turns."""
        return self._rendered(prompt, hide=None)

    def encode(self, rows: Sequence[tuple[Turns, Sequence[str]]]) -> list[Encoded | Bad]:
        """Return the ids of many rows, each a prompt and any number of responses to it; `Bad` where a row has none."""
        texts: list[tuple[str, tuple[str, ...]]] = []
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
        return [span if isinstance(span, Bad) else self._row(ids[span[0] : span[1]]) for span in spans]

    def encode_apart(self, response: str) -> list[int]:
        """Return a response's ids tokenised by itself, with its end token: for a prompt whose ids are given."""
        text, hidden = self._hide(self._trimmed(response))
        return [*self._ids([(text, hidden)], prefix=False)[0], self.end_id]

    def describe(self) -> dict[str, Any]:
        """Return what later stages and readers must know, as plain JSON."""
        tokenizer = self.tokenizer
        return {
            "template": "chat" if self.templated else "plain",
            "end_token": self.end_token,
            "end_token_id": self.end_id,
            "start_tokens": [tokenizer.convert_ids_to_tokens(ident) for ident in self._prefix],
            "pad_token": tokenizer.pad_token,
            "pad_token_id": tokenizer.pad_token_id,
            "vocabulary": len(tokenizer),
        }

    def _start_ids(self) -> list[int]:
        """Return what the tokenizer itself puts before a text."""
        bare = self._backend.encode("a", add_special_tokens=False).ids
        full = self._backend.encode("a", add_special_tokens=True).ids
        start = next((at for at in range(len(full)) if full[at : at + len(bare)] == bare), 0)
        return list(full[:start])

    def _find_end(self, key: str) -> str:
        """Return the first special token that the template puts after an answer, else the tokenizer's own end token."""
        suffix = self._after_answer() if self.templated else ""
        match = self._special.search(suffix) if self._special else None
        end = match[0] if match else self.tokenizer.eos_token
        if end is None:
            raise UserError(
                "the tokenizer has no end token, so no response could ever end",
                code="no-end-token",
                hint=f"name an `eos_token` in the `tokenizer_config.json` of `{key}`",
            )
        return str(end)

    def _after_answer(self) -> str:
        turns = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": f" {PROBE}2 "}]
        try:
            rendered = self._template(turns, ask=False)
        except Bad as bad:
            raise UserError(
                f"the chat template cannot render a question and an answer: {bad.message}",
                code="template",
                hint="set `data.template: none`, or mend the tokenizer's `chat_template`",
            ) from bad
        self._trims = f" {PROBE}2 " not in rendered
        return rendered.partition(f"{PROBE}2")[2]

    def _template(self, turns: list[dict[str, str]], *, ask: bool) -> str:
        from jinja2 import TemplateError

        try:
            text = self.tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=ask, date_string=DATE
            )
        except (TemplateError, ValueError, TypeError, KeyError) as error:
            raise Bad("template", f"the chat template refuses the turns: {error}", "`data.template: none`") from error
        return str(text)

    def _rendered(self, prompt: Turns, hide: list[str] | None) -> str:
        """Return the prompt's text; special tokens in its content are moved to `hide`, where it is given."""
        if isinstance(prompt, str) and not self.templated:
            return self._masked(prompt, hide)
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        masked = [{"role": turn["role"], "content": self._masked(turn["content"], hide)} for turn in turns]
        if self.templated:
            return self._template(masked, ask=True)
        return "\n\n".join(f"{WORDS[turn['role']]}{turn['content']}" for turn in masked) + "\n\nAssistant:"

    def _masked(self, text: str, hide: list[str] | None) -> str:
        text = HIDDEN.sub("", text)  # nobody's text may pose as a mask
        if hide is None or self._special is None or not self._special.search(text):
            return text

        def mask(match: re.Match[str]) -> str:
            hide.append(match[0])
            return f"\ue000{len(hide) - 1}\ue001"

        return self._special.sub(mask, text)

    def _hide(self, text: str) -> tuple[str, tuple[str, ...]]:
        hidden: list[str] = []
        return self._masked(text, hidden), tuple(hidden)

    def _trimmed(self, response: str) -> str:
        return response.strip() if self._trims else response

    def _texts(self, prompt: Turns, responses: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
        hidden: list[str] = []
        text = self._rendered(prompt, hidden)
        made = [(text, tuple(hidden))]
        for response in responses:
            more = list(hidden)
            said = self._masked(self._trimmed(response), more)
            made.append((f"{text}{self._joint(text, said)}{said}", tuple(more)))
        return made

    def _joint(self, prompt: str, response: str) -> str:
        """Return what stands between prompt and response without a template: a space, where neither side has one."""
        if self.templated or not prompt or prompt[-1].isspace() or response[:1].isspace():
            return ""
        return " "

    def _ids(self, texts: list[tuple[str, tuple[str, ...]]], *, prefix: bool = True) -> list[list[int]]:
        """Return the ids of texts. Those that hide nothing go as a batch; the few others piece by piece."""
        self._backend.encode_special_tokens = not self.templated
        whole = [text for text, hidden in texts if not hidden]
        batch = iter(self._backend.encode_batch_fast(whole, add_special_tokens=False))
        found = [self._pieces(text, hidden) if hidden else next(batch).ids for text, hidden in texts]
        start = self._prefix if prefix else []
        return [ids if ids[: len(start)] == start and self.templated else start + ids for ids in found]

    def _pieces(self, text: str, hidden: tuple[str, ...]) -> list[int]:
        """Return the ids of a text between whose control tokens hidden text stands, which must stay text."""
        if not self.templated or self._special is None:
            return self._plain(HIDDEN.sub(lambda match: hidden[int(match[1])], text))
        ids: list[int] = []
        at = 0
        strip_next = False

        def text_ids(piece: str) -> list[int]:
            piece = piece.lstrip() if strip_next else piece
            return self._plain(HIDDEN.sub(lambda mask: hidden[int(mask[1])], piece)) if piece else []

        for match in self._special.finditer(text):
            ident, token = self._added[match[0]]
            piece = text[at : match.start()]
            ids += [*text_ids(piece.rstrip() if token.lstrip else piece), ident]
            at, strip_next = match.end(), token.rstrip
        return ids + text_ids(text[at:])

    def _plain(self, text: str) -> list[int]:
        before = self._backend.encode_special_tokens
        self._backend.encode_special_tokens = True
        try:
            return list(self._backend.encode(text, add_special_tokens=False).ids)
        finally:
            self._backend.encode_special_tokens = before

    def _row(self, found: list[list[int]]) -> Encoded:
        prompt, *wholes = found
        at = min((shared(prompt, whole) for whole in wholes), default=len(prompt))
        return Encoded(prompt[:at], prompt[at:], [[*whole[at:], self.end_id] for whole in wholes])


def shared(first: list[int], second: list[int]) -> int:
    """Return how many ids two lists have in common at their start."""
    if second[: len(first)] == first:
        return len(first)
    return next(
        at for at, (one, other) in enumerate(zip([*first, None], [*second, None], strict=False)) if one != other
    )
