"""Child of `pull`, `push` and `verify`: the scores of a card's probes, by transformers alone.

    python -m drdoctl.train.probe REQUEST.json

None of drdoctl's own attention, batching or loading is used: float32, one text at a time, what anybody would write. For
a model that is to be published the texts are chosen here too, and held-out pairs measured where nobody did it yet.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification
from transformers.utils import logging

from drdoctl.core.architectures import limit_of
from drdoctl.core.errors import DrdoError, IntegrityError, StageFailed, UserError
from drdoctl.data import Turns
from drdoctl.data._records import Bad
from drdoctl.data._render import Renderer
from drdoctl.data._template import DATE
from drdoctl.data._tokenizers import load_tokenizer
from drdoctl.train import adapters
from drdoctl.train.answer import answer

if TYPE_CHECKING:
    from drdoctl.zoo.probes import Stated

LOADERS = {"oracle": AutoModelForSequenceClassification, "student": AutoModelForCausalLM}
OWN_WORDS = (2, 1, 12, 24, 3, 5, 8, 16)
"""Words of each probe where a tokenizer cannot write the shipped texts: it knows a small world's words alone."""


class Skipped(Exception):  # nothing is wrong with the model; something it needs is not here
    """The probes cannot be scored here, and why."""


@dataclass
class Probing:
    """A model as transformers loads it, with the tokenizer that was published beside it."""

    model: Any
    renderer: Renderer
    role: str

    def tokens(self, prompt: Turns, response: str) -> tuple[list[int], int]:
        """Return the tokens that training would make of a text, and how many at their end are the response's.

        Raises `Bad` or UserError where it makes none, and `Bad` where they are more than the model takes.
        """
        (found,) = self.renderer.encode([(prompt, [response])])
        if isinstance(found, Bad):
            raise found
        ids, limit = [*found.prompt, *found.responses[0]], limit_of(self.model.config.to_dict())
        if limit is not None and len(ids) > limit.tokens:
            raise Bad("too-long", f"it has {len(ids):,} tokens, and the model takes {limit.tokens:,}")
        return ids, len(found.responses[0])

    def plainly(self, text: dict[str, Any]) -> dict[str, Any]:
        """Return a text whose turns, where there is no chat template for them, are written as a dialogue."""
        chat = self.renderer.describe()["template"] == "chat"
        return text if chat else {**text, "prompt": self.renderer.prompt_text(text["prompt"])}

    def score(self, prompt: Turns, response: str) -> float:
        """Return the reward; of a student the mean log-probability of the response's tokens."""
        try:
            row, told = self.tokens(prompt, response)
        except (Bad, UserError) as error:
            why = error.message if isinstance(error, Bad) else error.faults[0].message
            message = f"the card's probe that begins with `{str(prompt)[:40]}` cannot be scored: {why}"
            raise IntegrityError(message, code="probe", hint="tell the publisher; `--no-probe` goes without") from None
        ids = torch.tensor([row], device=self.model.device)
        with torch.no_grad():
            logits = self.model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits.float()
        if self.role == "oracle":
            return float(logits[0, 0])
        chosen = logits[0, -told - 1 : -1].log_softmax(-1).gather(1, ids[0, -told:, None])
        return float(chosen.mean())


def load(folder: Path, role: str, template: str, device: str) -> Probing:
    """Load a published folder. Raises Skipped where an adapter's base is not on this machine, StageFailed otherwise."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    renderer = Renderer(load_tokenizer({"path": str(folder)}, None, f"{role}.model"), template, f"{role}.model")
    try:
        model = _adapter(folder, role) if adapters.is_adapter(folder) else _whole(folder, role)
    except (DrdoError, Skipped):
        raise
    except Exception as error:  # transformers and safetensors raise from many classes
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise StageFailed(
            f"transformers cannot load the model: {reason}",
            code="probe",
            hint="`--no-probe` goes without, where you know why; what is published must load",
        ) from error
    cuda = device != "cpu" and torch.cuda.is_available()
    return Probing(model.eval().to("cuda" if cuda else "cpu"), renderer, role)


def _whole(folder: Path, role: str) -> Any:
    more = {"num_labels": 1} if role == "oracle" else {}
    model, told = LOADERS[role].from_pretrained(
        folder,
        dtype=torch.float32,
        output_loading_info=True,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        **more,
    )
    if told["missing_keys"]:
        named = ", ".join(f"`{name}`" for name in sorted(told["missing_keys"])[:3])
        raise StageFailed(f"the model lacks {named}: transformers makes them up", code="probe")
    return model


def _adapter(folder: Path, role: str) -> Any:
    from peft import PeftModel

    base = adapters.base_of(folder)
    if adapters.rounded_base(folder):
        raise Skipped("the adapter was trained over a base in 4 bits, which gives other scores in float32")
    more = {"num_labels": 1} if role == "oracle" else {}
    source, revision = base.get("path") or base["hub"], base.get("revision")
    try:
        below = LOADERS[role].from_pretrained(
            source, revision=revision, dtype=torch.float32, local_files_only=True, trust_remote_code=False, **more
        )
    except OSError:
        raise Skipped(f"it is an adapter, and its base `{source}` is not on this machine") from None
    return PeftModel.from_pretrained(below, str(folder))


def chosen(probing: Probing, texts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return those of the texts that the tokenizer can write and the model can take, or texts of its own words."""
    own = [_of_words(probing.renderer.tokenizer, count) for count in OWN_WORDS]
    for candidates in (texts, own):
        kept = []
        for text in map(probing.plainly, candidates):
            with suppress(Bad, UserError):
                ids, _ = probing.tokens(text["prompt"], text["response"])
                known = ids.count(probing.renderer.tokenizer.unk_token_id) < len(ids) / 2
                kept += [text] if known else []
        if kept:
            return kept
    raise Skipped("no probe fits the model's tokenizer and its longest text")


def _of_words(tokenizer: Any, count: int) -> dict[str, Any]:
    """Return a text of words of the vocabulary, far apart in it: the same ones each time."""
    special = {token.content for token in tokenizer.added_tokens_decoder.values()}
    plain = [word for word, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]) if word not in special]
    words = [plain[(at * 7 + count) % len(plain)] for at in range(count + 1)]
    cut = max(1, len(words) // 3)
    return {"name": f"{len(words)} words", "prompt": " ".join(words[:cut]), "response": " ".join(words[cut:])}


def run(request: Mapping[str, Any]) -> dict[str, Any]:
    """Carry a request out: `model` (folder), `role`, `template`, `device`; and one of two.

    `texts` (probes of a card): returns their `scores`. `choose` (texts to choose from): returns the `probes` with their
    scores, `rendering`, `difference` (the largest that bfloat16 makes), and what `worth.measure` makes of `pairs`.
    `{"skipped": why}` where the model cannot be had here. Raises StageFailed where it cannot be loaded.
    """
    folder = Path(request["model"])
    try:
        probing = load(folder, request["role"], request["template"], request["device"])
        if "texts" in request:
            return {"scores": _scores(probing, request["texts"])}
        texts = chosen(probing, request["choose"])
    except Skipped as why:
        return {"skipped": str(why), **_measured(request, None)}
    scores = _scores(probing, texts)
    found: dict[str, Any] = {
        "probes": [{**text, "score": score} for text, score in zip(texts, scores, strict=True)],
        "rendering": {**probing.renderer.describe(), "trims": probing.renderer.trims},
        "by_hand": all(by_hand(probing, text) for text in texts),
    }
    probing.model.to(torch.bfloat16)
    found["difference"] = max(abs(one - two) for one, two in zip(scores, _scores(probing, texts), strict=True))
    device = probing.model.device.type
    del probing
    return {**found, **_measured(request, device)}


def _measured(request: Mapping[str, Any], device: str | None) -> dict[str, Any]:
    """Return what `worth.measure` does. Its imports take as long as torch's, and most requests have no pairs."""
    if request.get("pairs") is None:
        return {}
    from drdoctl.train.worth import measure

    return measure(request, device)


def _scores(probing: Probing, texts: list[dict[str, Any]]) -> list[float]:
    found = [probing.score(text["prompt"], text["response"]) for text in texts]
    if not torch.tensor(found).isfinite().all():
        raise StageFailed("the model's scores are not finite", code="not-finite", hint="take another model")
    return found


def by_hand(probing: Probing, text: Mapping[str, Any]) -> bool:
    """Whether the lines that a model's page shows give the tokens of training."""
    tokenizer, prompt, response = probing.renderer.tokenizer, text["prompt"], text["response"]
    rendering = probing.renderer.describe()
    chat, trims = rendering["template"] == "chat", probing.renderer.trims
    written = plain_text(tokenizer, prompt, response, chat=chat, trims=trims)
    start = tokenizer.convert_tokens_to_ids(rendering["start_tokens"])
    ids = tokenizer(written, add_special_tokens=False).input_ids
    start = [] if ids[: len(start)] == start else start
    return bool([*start, *ids, rendering["end_token_id"]] == probing.tokens(prompt, response)[0])


def plain_text(tokenizer: Any, prompt: Turns, response: str, *, chat: bool, trims: bool) -> str:
    """Return prompt and response as one text, as a model's page shows it. Turns are for chat templates alone."""
    if chat:
        turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        asked = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, date_string=DATE)
        return str(asked) + (response.strip() if trims else response)
    prompt = str(prompt)
    space = "" if not prompt or prompt[-1:].isspace() or response[:1].isspace() else " "
    return prompt + space + response


def scorer(device: str) -> Callable[[Path, Stated], dict[str, Any]]:
    """Return what `zoo.probes.check` takes, for a process that has torch already."""

    def score(folder: Path, stated: Stated) -> dict[str, Any]:
        return run(stated.request(folder, device))

    return score


def main(path: Path) -> int:
    """Carry the request out; leave what came of it, or the faults, in `result.json` beside it."""
    return answer(path.parent, lambda: run(json.loads(path.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
