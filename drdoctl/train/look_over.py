"""Child of `drdoctl import`: whether a folder is a reward model that gives one score everywhere.

python -m drdoctl.train.look_over REQUEST.json
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.data._render import Renderer
from drdoctl.data._template import Template
from drdoctl.data._tokenizers import load_tokenizer
from drdoctl.train.answer import answer
from drdoctl.train.reward_model import load_reward_model

KEY = "oracle.model"


@dataclass(frozen=True)
class Request:
    """What `drdoctl import` asks for."""

    model: str
    """The folder."""
    template: str
    """`auto` or `none`: whether rows are to be rendered by the tokenizer's chat template."""
    out: str
    """Folder for `result.json`."""


def run(request: Request) -> dict[str, Any]:
    """Load model and tokenizer, and return what is to be known of them.

    Raises UserError where it is no reward model with one label, a weight is missing or no number, the tokenizer has no
    end token, or its template cannot render an answer.
    """
    location = {"path": request.model}
    tokenizer = load_tokenizer(location, None, KEY)
    renderer = Renderer(tokenizer, request.template, KEY)
    model = load_reward_model(location)
    told, pad = renderer.describe(), model.pad
    return {
        "architecture": type(model.model).__name__,
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "template": told["template"],
        "end_token": told["end_token"],
        "pad_token": None if pad is None else tokenizer.convert_ids_to_tokens(pad),
        "notes": _notes(Template(tokenizer, request.template), told, pad, tokenizer),
    }


def _notes(template: Template, told: dict[str, Any], pad: int | None, tokenizer: Any) -> list[str]:
    """Return what is allowed, and changes which token the reward is read at, or who can read it."""
    end, notes = told["end_token"], []
    if pad is None:
        notes.append("its config names no padding token: transformers scores one text at a time")
    elif pad == told["end_token_id"]:
        notes.append(f"it pads with `{end}`, which ends responses: its reward is read at the token before the end")
    elif pad != tokenizer.pad_token_id:
        other = "no token" if tokenizer.pad_token is None else f"`{tokenizer.pad_token}`"
        shown = tokenizer.convert_ids_to_tokens(pad)
        notes.append(f"its config pads with `{shown}` and its tokenizer with {other}: use the config's")
    rest = template.suffix.partition(str(end))[2] if template.chat else ""
    if rest:
        notes.append(
            f"its chat template writes {rest!r} after `{end}`, where rewards are read here: a model that "
            "learnt to give them behind that gives other ones"
        )
    return notes


def main(path: Path) -> int:
    """Carry the request out; leave the summary, or the faults, in `result.json`."""
    request = Request(**json.loads(path.read_text(encoding="utf-8")))
    return answer(Path(request.out), lambda: run(request))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
