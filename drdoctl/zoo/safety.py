"""What may be in a published folder: names and formats, told by content and never by suffix alone.

An allow list, because scanners for bad content miss some: every file must be one of the few formats
that hold no code, and parse as it. Nothing here, and nothing in the zoo, ever unpickles anything.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

JSON_NAMES = frozenset(
    {
        "config.json",
        "adapter_config.json",
        "adapter_base.json",
        "generation_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "vocab.json",
        "model.safetensors.index.json",
    },
)
TEXT_NAMES = frozenset({"merges.txt", "chat_template.jinja"})
_SAFETENSORS = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,119}\.safetensors$")
_PICKLE_TEXT = re.compile(r"^(?:c[\w.]+\n[\w.]+\n|\((?:d|l|i[\w.]+\n)|\x80)")
"""How a pickle of protocol 0, which is text, begins."""
_CODE_KEYS = ("auto_map", "auto_mapping", "custom_pipelines", "trust_remote_code")
MAX_JSON = 256 << 20
MAX_TEXT = 64 << 20
MAX_HEADER = 100 << 20
"""The safetensors format's own limit (bytes)."""
BITS = {
    "BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
    "I32": 32, "U32": 32, "F32": 32, "F64": 64, "I64": 64, "U64": 64, "C64": 64,
}  # fmt: skip


def publishable(name: str) -> bool:
    """Tell whether a file of this name may be published and pulled: weights, config, tokenizer, in one flat folder."""
    return name in JSON_NAMES or name in TEXT_NAMES or bool(_SAFETENSORS.match(name))


def name_faults(names: Iterable[str]) -> list[str]:
    """Return what is wrong with a list of file names: outside the allow list, or the same but for case."""
    faults = []
    seen: dict[str, str] = {}
    for name in names:
        if not publishable(name):
            faults.append(f"`{_printable(name)}` is not a file that a published model holds")
        elif (other := seen.setdefault(name.lower(), name)) != name:
            faults.append(f"`{name}` and `{other}` are one file where case does not count")
    return faults


def _printable(name: str) -> str:
    return ascii(name[:120])[1:-1] + ("…" if len(name) > 120 else "")


def content_fault(path: Path) -> str | None:
    """Return why a file is not what its (allowed) name says, or None. Reads headers and text; runs nothing."""
    if path.is_symlink() or not path.is_file():
        return "it is not a plain file"
    if path.suffix == ".safetensors":
        return _safetensors_fault(path)
    if path.name in JSON_NAMES:
        return _json_fault(path)
    return _text_fault(path)


def _safetensors_fault(path: Path) -> str | None:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(8)
        length = int.from_bytes(head, "little")
        if len(head) < 8 or length > min(MAX_HEADER, size - 8):
            return "it is not safetensors: no header"
        text = file.read(length)
    try:
        header = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        return "it is not safetensors: the header is not JSON"
    if not isinstance(header, dict):
        return "it is not safetensors: the header is no mapping"
    header.pop("__metadata__", None)
    spans = []
    for name, tensor in header.items():
        span = _span(tensor)
        if span is None:
            return f"it is not safetensors: the entry of tensor `{_printable(name)}` is not valid"
        spans.append(span)
    end = 0
    for begin, stop in sorted(spans):
        if begin != end:
            return "it is not safetensors: tensors overlap or leave gaps"
        end = stop
    return None if end == size - 8 - length else "it is not safetensors: the tensors do not fill the file"


def _span(tensor: Any) -> tuple[int, int] | None:
    """Return where a tensor's bytes lie, if its entry says the same three times over: dtype, shape and offsets."""
    try:
        bits, shape, (begin, stop) = BITS[tensor["dtype"]], tensor["shape"], tensor["data_offsets"]
        whole = all(type(value) is int and value >= 0 for value in (begin, stop, *shape))
        return (begin, stop) if whole and math.prod(shape) * bits == 8 * (stop - begin) else None
    except (KeyError, TypeError, ValueError):
        return None


def _json_fault(path: Path) -> str | None:
    if path.stat().st_size > MAX_JSON:
        return "it is too large for what it is"
    try:
        value = json.loads(path.read_bytes().decode("utf-8"))
    except (ValueError, RecursionError):
        return "it is not JSON"
    if not isinstance(value, dict):
        return "it is not a JSON mapping"
    return None if path.name in {"tokenizer.json", "vocab.json"} else _settings_fault(path, value)


def _settings_fault(path: Path, value: dict[str, Any]) -> str | None:
    if path.name == "model.safetensors.index.json":
        return _index_fault(value)
    for key in _CODE_KEYS:
        if value.get(key):
            return f"it asks for code of its own (`{key}`), which is never run"
    template = value.get("chat_template")
    return _template_fault(json.dumps(template)) if template else None


def _index_fault(value: dict[str, Any]) -> str | None:
    """Return what is wrong with a shard index. A loader opens the files it names: they must lie beside it."""
    shards = value.get("weight_map")
    if not isinstance(shards, dict):
        return "it has no mapping `weight_map`"
    bad = [shard for shard in shards.values() if not (isinstance(shard, str) and _SAFETENSORS.match(shard))]
    return f"it names the file `{_printable(str(bad[0]))}`" if bad else None


def _text_fault(path: Path) -> str | None:
    if path.stat().st_size > MAX_TEXT:
        return "it is too large for what it is"
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return "it is not text"
    if "\0" in text or _PICKLE_TEXT.match(text):
        return "it is not text"
    if path.suffix == ".jinja":
        return _template_fault(text)
    lines = [line for line in text.splitlines() if line and not line.startswith("#version")]
    return None if all(len(line.split(" ")) == 2 for line in lines) else "it is not a list of merges"


def _template_fault(text: str) -> str | None:
    """No honest chat template touches dunder attributes; a template that breaks out of a sandbox does."""
    return "its template reaches for Python internals (`__`)" if "__" in text else None
