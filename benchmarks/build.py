"""Makes a world's model and pairs, deterministically and from nothing but what Python and the libraries ship.

Runs in a process of its own (`benchmarks.build:make`), since it imports torch.
"""

from __future__ import annotations

import gzip
import json
import math
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SPECIALS = ["<pad>", "<s>", "</s>"]
SIZES = {
    "5m": {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 768},
    "tiny": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64},
}
VOCABULARIES = {"5m": 4096, "tiny": 512}
PROMPT, RESPONSE = (50, 400, 140), (20, 250, 90)
"""Tokens: least, most, median."""
SIGMA = 0.6
"""Spread of the lognormal lengths."""


def english() -> str:
    """Return 0.7 MB of English prose: the interpreter's own help topics."""
    from pydoc_data.topics import topics

    return "\n\n".join(topics[name] for name in sorted(topics))


def make(folder: str, target: str, model: str, pairs: str | None, rows: int, max_tokens: int, threads: int) -> dict:
    """Write `model/` and `train.jsonl`, `eval.jsonl` into `target`; return what was made.

    `model`: a size, or the folder of a model to use as it is. `pairs`: a file of pairs, or None for generated ones.
    Every pair's prompt with either response fits in `max_tokens`. Raises ValueError where there are too few rows.
    """
    import torch
    from transformers import AutoTokenizer

    del folder  # what it leaves is kept
    torch.set_num_threads(threads)
    home = Path(target)
    home.mkdir(parents=True, exist_ok=True)
    if model in SIZES:
        _model(home / "model", model)
    tokenizer = AutoTokenizer.from_pretrained(home / "model" if model in SIZES else model)
    source = _generated(tokenizer) if pairs is None else _read(Path(pairs))
    kept = []
    for pair in source:
        lengths = [len(tokenizer(pair["prompt"] + pair[side])["input_ids"]) for side in ("chosen", "rejected")]
        if max(lengths) < max_tokens:  # the end token comes on top
            kept.append(pair)
        if len(kept) == rows + EVAL_ROWS:
            break
    if len(kept) < rows + EVAL_ROWS:
        raise ValueError(f"only {len(kept)} pairs of at most {max_tokens} tokens")
    for name, part in (("train", kept[:rows]), ("eval", kept[rows:])):
        text = "".join(json.dumps({"id": f"{name}-{at}", **pair}) + "\n" for at, pair in enumerate(part))
        (home / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return {"rows": rows}


EVAL_ROWS = 2
"""Held-out pairs: as few as a spec can have, for the peers score none."""


def _model(folder: Path, size: str) -> None:
    """Write a random Llama with a byte-level BPE tokenizer that was trained on `english`."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = Tokenizer(models.BPE())
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARIES[size],
        special_tokens=SPECIALS,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    words.train_from_iterator(english().split("\n\n"), trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=1024
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARIES[size],
        max_position_embeddings=1024,
        tie_word_embeddings=False,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        **SIZES[size],
    )
    LlamaForCausalLM(config).save_pretrained(folder)


def _lognormal(stream: random.Random, least: int, most: int, median: int) -> int:
    return int(min(most, max(least, round(math.exp(stream.gauss(math.log(median), SIGMA))))))


def _generated(tokenizer: Any) -> Iterator[dict[str, str]]:
    """Yield pairs without end: passages of prose, cut to lognormal lengths in the tokenizer's tokens."""
    text, stream = english(), random.Random(0)  # noqa: S311  # no secret is made
    spans = tokenizer(text, return_offsets_mapping=True, add_special_tokens=False)["offset_mapping"]

    def passage(length: int) -> str:
        at = stream.randrange(len(spans) - length)
        return text[spans[at][0] : spans[at + length - 1][1]]

    while True:
        yield {
            "prompt": passage(_lognormal(stream, *PROMPT)).strip(),
            "chosen": " " + passage(_lognormal(stream, *RESPONSE)).strip(),
            "rejected": " " + passage(_lognormal(stream, *RESPONSE)).strip(),
        }


def _read(file: Path) -> Iterator[dict[str, str]]:
    """Yield the pairs of a file of JSON lines as a dialogue: the same text for every side."""
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["chosen"].strip() and row["rejected"].strip() and row["chosen"] != row["rejected"]:
                yield {
                    "prompt": f"Human: {row['prompt'].strip()}\n\nAssistant:",
                    "chosen": " " + row["chosen"].strip(),
                    "rejected": " " + row["rejected"].strip(),
                }
