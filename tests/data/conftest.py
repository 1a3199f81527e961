"""A byte-level tokenizer with a chat template, one without, and a job of the data stage over files in a folder."""

from __future__ import annotations

import gzip
import json

import pytest

CORPUS = [
    "the quick brown fox jumps over the lazy dog . a question : what is it ? answer well , please . human assistant"
]
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def byte_tokenizer(*, bos: bool):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    special = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(CORPUS * 5, trainer)
    if bos:
        backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>", pad_token="</s>"
    )
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return tokenizer


@pytest.fixture(scope="session")
def chat_tokenizer():
    """A tokenizer with a template whose turns end with `<|im_end|>`, and no start token."""
    tokenizer = byte_tokenizer(bos=False)
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@pytest.fixture(scope="session")
def plain_tokenizer():
    """A tokenizer without a template that puts `<s>` before every text."""
    return byte_tokenizer(bos=True)


@pytest.fixture(scope="session")
def tokenizer_folders(tmp_path_factory, chat_tokenizer, plain_tokenizer):
    """Both tokenizers as folders: `chat` and `plain`."""
    home = tmp_path_factory.mktemp("tokenizers")
    chat_tokenizer.save_pretrained(home / "chat")
    plain_tokenizer.save_pretrained(home / "plain")
    return home


@pytest.fixture
def write_rows(tmp_path):
    """Write rows as JSON lines below the test's folder."""

    def write(rows, name="pairs.jsonl"):
        path = tmp_path / name
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        data = text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


@pytest.fixture
def build_data(tmp_path, tokenizer_folders):
    """Run the data stage over a source; return the folder it wrote."""
    from drdoctl.data._build import build
    from drdoctl.data._read import Request
    from drdoctl.splits._apply import apply_steps

    def run(
        source,
        *,
        out="out",
        student="chat",
        oracle=None,
        sft_rows="chosen",
        seed=42,
        base=tmp_path,
        stop=False,
        locations=None,
        **data,
    ):
        settings = {
            "columns": {},
            "split": [],
            "eval_fraction": None,
            "max_rows": None,
            "max_eval_rows": None,
            "max_prompt_tokens": 512,
            "max_tokens": 1024,
            "template": "auto",
            "bad_rows": "fail",
        } | data
        found = {"base": str(base), "student.tokenizer": {"path": str(tokenizer_folders / student)}}
        locations = found | (locations or {})
        if oracle:
            locations["oracle.tokenizer"] = {"path": str(tokenizer_folders / oracle)}
        folder = tmp_path / out
        folder.mkdir()
        if stop:
            (folder / "stop").touch()
        flat = {f"data.{key}": value for key, value in settings.items()}
        build(
            Request(
                {**flat, "data.source": source, "seed": seed, "student.sft.rows": sft_rows},
                locations,
                str(folder),
                apply_steps,
            )
        )
        return folder

    return run
