"""Rows -> text: the chat template or the plain form, with special tokens in people's words set aside."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from drdoctl.core.errors import UserError
from drdoctl.data import Turns
from drdoctl.data._records import Bad
from drdoctl.data._trial import trial_fault

SPEAKERS = {"system": "", "user": "Human: ", "assistant": "Assistant: "}
SIDES = ("user", "assistant")
PROBE = "drdoctlprobe"
DATE = "26 Jul 2024"
"""What templates that print the day are told, so that the same data gives the same tokens every day."""
MASK = re.compile("\ue000([0-9]+)\ue001")
GROWTH, FRAME = 64, 1 << 20
"""Most characters of a rendered text: so many for each character of the turns, and so many more."""
TURNS_TRIED = (1, 2, 64)


class Template:
    """How one tokenizer's model wants a prompt and a response written down.

    With a chat template, a prompt is turns and the call for an answer. Without one, a text stays as it is, turns become
    a dialogue of `Human:` and `Assistant:`, and one space joins the response where neither side has any.
    """

    def __init__(self, tokenizer: Any, template: str) -> None:
        """`template`: `auto` or `none`. Raises UserError where the chat template cannot render an answer, or hangs."""
        self._tokenizer = tokenizer
        self.chat = template == "auto" and bool(tokenizer.chat_template)
        names = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
        longest_first = sorted(names, key=len, reverse=True)
        self.special = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self.trims = False
        if self.chat and (fault := trial_fault(self._try_out)):
            raise _unfit(f"the chat template is not safe to use: {fault}")
        self.suffix = self._after_answer() if self.chat else ""

    @property
    def end_token(self) -> str | None:
        """Return the first special token that the template puts after an answer, else the tokenizer's own end token."""
        match = self.special.search(self.suffix)
        end = match[0] if match else self._tokenizer.eos_token
        return None if end is None else str(end)

    def prompt(self, prompt: Turns, hidden: list[str] | None) -> str:
        """Return a prompt's text. Raises `Bad` where the template refuses the turns.

        Where `hidden` is given, special tokens in the content are moved to it, and a mask stands for each.
        """
        if isinstance(prompt, str) and not self.chat:
            return self.masked(prompt, hidden)
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        written = [{"role": turn["role"], "content": self.masked(turn["content"], hidden)} for turn in turns]
        if self.chat:
            return self._apply(written, ask=True)
        return "\n\n".join(f"{SPEAKERS[turn['role']]}{turn['content']}" for turn in written) + "\n\nAssistant:"

    def response(self, response: str, hidden: list[str]) -> str:
        """Return a response's text, trimmed where the template trims."""
        return self.masked(response.strip() if self.trims else response, hidden)

    def joint(self, prompt: str, response: str) -> str:
        """Return what stands between a prompt's and a response's text."""
        if self.chat or not prompt or prompt[-1].isspace() or response[:1].isspace():
            return ""
        return " "

    def masked(self, text: str, hidden: list[str] | None) -> str:
        """Return the text with a mask for every special token in it; what poses as a mask is taken out."""
        text = MASK.sub("", text)
        if hidden is None or not self.special.search(text):
            return text

        def mask(match: re.Match[str]) -> str:
            hidden.append(match[0])
            return f"\ue000{len(hidden) - 1}\ue001"

        return self.special.sub(mask, text)

    def _try_out(self) -> None:
        """Render a few conversations: short ones, a long one, a long text. A template may refuse any of them."""
        for count in TURNS_TRIED:
            turns = [{"role": SIDES[at % 2], "content": PROBE * count} for at in range(count)]
            for ask in (True, False):
                with contextlib.suppress(Bad):
                    self._apply(turns, ask=ask)

    def _after_answer(self) -> str:
        turns = [{"role": "user", "content": PROBE}, {"role": "assistant", "content": f" {PROBE}2 "}]
        try:
            rendered = self._apply(turns, ask=False)
        except Bad as bad:
            raise _unfit(f"the chat template cannot render a question and an answer: {bad.message}") from bad
        self.trims = f" {PROBE}2 " not in rendered
        return rendered.partition(f"{PROBE}2")[2]

    def _apply(self, turns: list[dict[str, str]], *, ask: bool) -> str:
        apply = self._tokenizer.apply_chat_template
        try:
            text = str(apply(turns, tokenize=False, add_generation_prompt=ask, date_string=DATE))
        except MemoryError:
            raise
        except Exception as error:  # a template is a program: it may raise anything
            said = " ".join(str(error).split()) or type(error).__name__
            message = f"the chat template refuses the turns: {said:.300}"
            raise Bad("template", message, "set `data.template: none`") from error
        if len(text) > GROWTH * sum(len(turn["content"]) for turn in turns) + FRAME:
            message = f"the chat template makes {len(text):,} characters of the turns"
            raise Bad("template", message, "set `data.template: none`")
        return text


def _unfit(message: str) -> UserError:
    hint = "set `data.template: none`, or mend the tokenizer's `chat_template`"
    return UserError(message, code="template", hint=hint)


def unmasked(text: str, hidden: tuple[str, ...]) -> str:
    """Return the text with the hidden tokens' spellings back in their places."""
    return MASK.sub(lambda mask: hidden[int(mask[1])], text)
