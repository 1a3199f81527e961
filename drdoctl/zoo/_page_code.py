"""The lines of a page that load a model with what everybody has, and get from it what the card says."""

from __future__ import annotations

from drdoctl.core.adapters import ADAPTER_CONFIG, NF4
from drdoctl.zoo.card import Card

LOADERS = {"oracle": "AutoModelForSequenceClassification", "student": "AutoModelForCausalLM"}
ADAPTER_LOADERS = {"oracle": "AutoPeftModelForSequenceClassification", "student": "AutoPeftModelForCausalLM"}
DATE = "26 Jul 2024"
"""As `data._template` tells templates that print the day."""


def is_adapter(card: Card) -> bool:
    """Whether what is published lies over a base, and is no whole model."""
    return ADAPTER_CONFIG in card.files


def loading(card: Card, option: str) -> list[str]:
    """Return the section that loads the model and uses it, in transformers alone; for an adapter with peft.

    `option`: how its zoo is named on a command line, ` --zoo LOCATION`.
    """
    lines = ["## Load it", ""]
    if is_adapter(card):
        base, pin = card.base.ref or "its base", f" at revision `{card.base.revision}`" if card.base.revision else ""
        lines += [f"A low-rank adapter over `{base}`{pin}, which peft loads with it.", ""]
        if card.spec.get(f"{card.role}.lora.quantize") == NF4:
            lines += ["It was trained over the base in 4 bits (NF4): over whole weights it differs a little.", ""]
    code = [*_imports(card), *_load(card, option), *(_reward(card) if card.role == "oracle" else _answer(card))]
    return [*lines, "```python", *code, "```", ""]


def _imports(card: Card) -> list[str]:
    lines = ["import torch"]
    if is_adapter(card):
        return [*lines, f"from peft import {ADAPTER_LOADERS[card.role]}", "from transformers import AutoTokenizer", ""]
    return [*lines, f"from transformers import {LOADERS[card.role]}, AutoTokenizer", ""]


def _load(card: Card, option: str) -> list[str]:
    loader = (ADAPTER_LOADERS if is_adapter(card) else LOADERS)[card.role]
    labels = ", num_labels=1" if card.role == "oracle" else ""
    return [
        f'FOLDER = "models/{card.name}"  # drdoctl pull zoo/{card.name} --to models/{card.name}{option}',
        "tokenizer = AutoTokenizer.from_pretrained(FOLDER)",
        f"model = {loader}.from_pretrained(FOLDER{labels}, dtype=torch.float32).eval()",
        "",
    ]


def _text(card: Card) -> list[str]:
    """Return the lines that write prompt and response as one text, as training did."""
    if card.rendering.get("template") == "chat":
        answer = "response.strip()" if card.rendering.get("trims") else "response"
        return [
            '    turns = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt',
            "    text = tokenizer.apply_chat_template(",
            f'        turns, tokenize=False, add_generation_prompt=True, date_string="{DATE}"',
            "    )",
            f"    text += {answer}",
        ]
    return [
        '    space = "" if prompt[-1:].isspace() or response[:1].isspace() else " "',
        "    text = prompt + space + response",
    ]


def _reward(card: Card) -> list[str]:
    start = list(card.rendering.get("start_tokens") or [])
    end = card.rendering.get("end_token")
    lines = ["", "def reward(prompt, response):", *_text(card)]
    lines.append("    ids = tokenizer(text, add_special_tokens=False).input_ids")
    if start:
        lines += [
            f"    start = tokenizer.convert_tokens_to_ids({start!r})",
            "    ids = ids if ids[: len(start)] == start else start + ids",
        ]
    lines += [
        f"    ids.append({f'tokenizer.convert_tokens_to_ids({end!r})' if end else 'tokenizer.eos_token_id'})",
        "    with torch.no_grad():",
        "        return model(input_ids=torch.tensor([ids])).logits[0, 0].item()",
        "",
        "",
    ]
    prompt, good, bad = _example(card)
    return [
        *lines,
        f"prompt = {prompt!r}",
        f"margin = reward(prompt, {good!r}) - reward(prompt, {bad!r})",
        "print(margin, torch.tensor(margin).sigmoid().item())  # and how probable it is that the first is preferred",
    ]


def _example(card: Card) -> tuple[str, str, str]:
    """Return a prompt and two responses that the tokenizer can write: a card's own probes, where it has some."""
    told = [probe for probe in card.probes if isinstance(probe.prompt, str)]
    if len(told) > 1:
        return str(told[0].prompt), told[0].response, told[1].response
    return "What colour is a clear sky at noon?", "Blue.", "Green."


def _answer(card: Card) -> list[str]:
    if card.rendering.get("template") == "chat":
        asked = [
            'turns = [{"role": "user", "content": "What colour is a clear sky at noon?"}]',
            "inputs = tokenizer.apply_chat_template(",
            '    turns, add_generation_prompt=True, return_tensors="pt", return_dict=True',
            ")",
        ]
    else:
        asked = [
            f"prompt = {_example(card)[0]!r}",
            'inputs = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)',
        ]
    return [
        *asked,
        "with torch.no_grad():",
        "    answer = model.generate(**inputs, max_new_tokens=64)",
        'print(tokenizer.decode(answer[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))',
    ]
