"""Tiny reward models with tokenizers of their own, and their scores by transformers alone."""

from __future__ import annotations

import plain
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from drdoctl.train.models import save_oracle

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + ' ' + message['content'] + ' <|im_end|>' }}"
    "{{ after }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant ' }}{% endif %}"
)
"""As the template of Qwen and SmolLM2, with words for their line breaks."""
SPECIAL = ("<pad>", "<eos>", "<unk>", "<s>", "<|im_start|>", "<|im_end|>", "user", "assistant")
WORDS = (*SPECIAL, *(f"w{number}" for number in range(len(SPECIAL), plain.VOCABULARY)))


def write_tokenizer(folder, *, pad="<pad>", eos="<eos>", start=False, template=None):
    """Save a word-level tokenizer of `WORDS`. `start`: it puts `<s>` before every text by itself."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.WordLevel({word: at for at, word in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if start:
        one = [("<s>", WORDS.index("<s>"))]
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=one)
    roles = {"eos_token": eos, "unk_token": "<unk>", "bos_token": "<s>" if start else None, "pad_token": pad}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
        **{role: token for role, token in roles.items() if token is not None},
    )
    fast.chat_template = template
    fast.save_pretrained(folder)
    return folder


def write_oracle(folder, shape, **tokenizer):
    """Save a reward model of one of `plain.SHAPES` with random weights, as an oracle stage does; return the folder."""
    made = write_tokenizer(folder.with_name(f"{folder.name}-tokenizer"), **tokenizer)
    save_oracle(plain.policy(plain.fields(shape)), folder, made)
    return folder


def by_transformers(folder, texts, *, side="right", batch=16, **more):
    """Return the scores of texts (ids) by `AutoModelForSequenceClassification` and `tokenizer.pad`, float32 (N,)."""
    model = AutoModelForSequenceClassification.from_pretrained(folder, **more).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    found = []
    for at in range(0, len(texts), batch):
        rows = {"input_ids": torch.tensor(texts[at : at + 1])}
        if batch > 1:
            rows = tokenizer.pad({"input_ids": texts[at : at + batch]}, return_tensors="pt", padding_side=side)
        with torch.no_grad():
            found.append(model(**rows).logits[:, 0].float())
    return torch.cat(found).numpy()
