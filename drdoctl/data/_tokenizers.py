"""Tokenizers of the student and the oracle: where they come from, their pad token, their folder in the artifact."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from drdoctl.core.errors import DrdoError, UserError, ZooError
from drdoctl.core.files import read_json

ROLES_BY_NAME = {
    "pad_token": ("<pad>", "[PAD]", "<|pad|>"),
    "eos_token": ("<eos>", "</s>", "<|endoftext|>", "<|im_end|>", "[EOS]"),
    "bos_token": ("<bos>", "<s>", "<|begin_of_text|>", "[BOS]"),
    "unk_token": ("<unk>", "[UNK]"),
}
"""What a bare `tokenizer.json`, which names no roles, means by its special tokens."""


def load_tokenizer(location: Mapping[str, Any], tokenizer_json: str | None, key: str) -> Any:
    """Return the fast tokenizer at `{"path": …}`, `{"hub": …, "revision": …}` or `{"dataset": true}`.

    `key` is the spec's key for messages. Raises UserError for a folder without a usable tokenizer, ZooError where the
    Hub cannot give it.
    """
    from transformers import AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()
    if location.get("dataset"):
        return _bare(tokenizer_json, key)
    source = str(location.get("path") or location.get("hub"))
    try:
        found = AutoTokenizer.from_pretrained(source, revision=location.get("revision"), trust_remote_code=False)
        found = _as_written(found, Path(source))
    except (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError) as error:
        raise _no_tokenizer(location, source, key, error) from error
    if not getattr(found, "is_fast", False) or found.backend_tokenizer.get_vocab_size() == 0:
        raise _no_tokenizer(location, source, key, "there is no `tokenizer.json`")
    return found


def _as_written(found: Any, folder: Path) -> Any:
    """Return the tokenizer that a folder's `tokenizer.json` describes, where transformers took it for another.

    Beside a `config.json` of type `qwen2` it takes any for Qwen's own, whose words a small world's are not.
    """
    from transformers import PreTrainedTokenizerFast

    if type(found) is PreTrainedTokenizerFast or not getattr(found, "is_fast", False):
        return found
    told = read_json(folder / "tokenizer.json") or {}
    written = told.get("model", {}).get("type")
    if written in (None, type(found.backend_tokenizer.model).__name__):
        return found
    return PreTrainedTokenizerFast.from_pretrained(folder)


def _no_tokenizer(location: Mapping[str, Any], source: str, key: str, why: object) -> DrdoError:
    reason = (str(why).strip().splitlines() or ["no reason given"])[0]
    if "path" in location:
        return UserError(
            f"`{source}` has no tokenizer that can be read: {reason}",
            code="no-tokenizer",
            hint=f"put `tokenizer.json` beside the model, or set `{key}` to a folder that has one",
        )
    return ZooError(
        f"cannot get the tokenizer of `{source}`: {reason}",
        code="hub-tokenizer",
        hint=f"try again with the network up, or set `{key}` to a local folder",
    )


def _bare(text: str | None, key: str) -> Any:
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    if text is None:
        raise UserError(
            "this dataset brings no tokenizer, and a new model has none",
            code="no-tokenizer",
            hint=f"set `{key}` to a folder or a Hub id",
        )
    backend = Tokenizer.from_str(text)
    special = {token.content for token in backend.get_added_tokens_decoder().values() if token.special}
    roles = {role: next((name for name in names if name in special), None) for role, names in ROLES_BY_NAME.items()}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **{role: name for role, name in roles.items() if name})


def choose_pad(tokenizer: Any, end_id: int, words: int | None = None) -> None:
    """Give the tokenizer a pad token that ends nothing, where it has one.

    `words`: how many tokens the model has embeddings for; a token beyond them, as one that was added to the tokenizer
    alone, is not taken.

    A pad that is also the end token would be learnt to be ignored together with it: the unknown token takes its place,
    else the start token, the end of the text where a response ends with another token, or any other special token (as
    `<|padding|>` of GPT-NeoX). The end token pads only where it is the only special one.
    """
    ends = {end_id, tokenizer.eos_token_id}

    def has_row(ident: int | None) -> bool:
        return ident is not None and (words is None or ident < words)

    if has_row(tokenizer.pad_token_id) and tokenizer.pad_token_id not in ends:
        return
    for name in ("unk_token", "bos_token"):
        ident = getattr(tokenizer, f"{name}_id")
        if has_row(ident) and ident not in ends:
            tokenizer.pad_token = getattr(tokenizer, name)
            return
    if has_row(tokenizer.eos_token_id) and tokenizer.eos_token_id != end_id:
        tokenizer.pad_token = tokenizer.eos_token
        return
    known = sorted(tokenizer.added_tokens_decoder.items())
    others = [token.content for ident, token in known if token.special and ident != end_id and has_row(ident)]
    pads = [name for name in others if "pad" in name.lower()]
    tokenizer.pad_token = next(iter(pads + others), None) or tokenizer.convert_ids_to_tokens(end_id)


def save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Save the tokenizer for the stages to come."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save_pretrained(folder)


def copy_tokenizer(source: Path, folder: Path, words: int) -> None:
    """Save a tokenizer beside a model that has embeddings for `words` tokens: it pads with one of those."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    if tokenizer.pad_token_id is not None and tokenizer.pad_token_id >= words:
        end, tokenizer.pad_token = tokenizer.eos_token_id, None
        if end is not None:
            choose_pad(tokenizer, end, words)
    tokenizer.save_pretrained(folder)
