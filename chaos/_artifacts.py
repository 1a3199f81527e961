"""Hostile files of a published model: pickles and code under names that might be loaded, and names that lead away."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

CODE = "__import__('pathlib').Path({canary!r}).touch()"
NAMES = (
    "../evil.json",
    "/etc/evil.json",
    "a/../../config.json",
    "sub/config.json",
    "..\\evil.json",
    "C:\\config.json",
    "C:config.json",
    "config.json\0.bin",
    "config.json ",
    "con\nfig.json",
    ".config.json",
    "",
    ".",
    "a" * 4096 + ".safetensors",
    "mode\u0301l.safetensors",
    "model.safetensors/",
    "-model.safetensors",
)
"""Names that could leave a folder, or are on no allow list."""


class Canary:
    """Unpickling this makes a file."""

    def __init__(self, path: Path) -> None:
        """`path`: the file."""
        self.path = path

    def __reduce__(self) -> tuple[Callable[[Path], None], tuple[Path]]:
        """Ask the unpickler to make the file."""
        return (Path.touch, (self.path,))


def pickles(canary: Path, sound: bytes) -> list[tuple[str, bytes]]:
    """Return file name -> content: pickles under every name and in every wrapping. `sound`: a safetensors file."""
    binary, text = pickle.dumps(Canary(canary)), pickle.dumps(Canary(canary), protocol=0)
    nested = pickle.dumps({"weight": [Canary(canary)]}, protocol=4)
    return [
        ("pytorch_model.bin", binary),
        ("optimizer.pt", binary),
        ("model.pkl", binary),
        ("model.ckpt", nested),
        ("model.npy", b"\x93NUMPY\x01\x00" + binary),
        ("training_args.bin", _zip("data.pkl", binary)),
        ("model.safetensors", binary),
        ("model.safetensors", nested),
        ("model.safetensors", _zip("archive/data.pkl", binary)),
        ("model.safetensors", _tar("data.pkl", binary)),
        ("model.safetensors", gzip.compress(binary)),
        ("model.safetensors", sound + binary),
        ("model.safetensors", b""),
        ("tokenizer.json", binary),
        ("config.json", text),
        ("merges.txt", binary),
        ("merges.txt", text),
        ("chat_template.jinja", text),
    ]


def code(canary: Path) -> list[tuple[str, bytes]]:
    """Return file name -> content: what asks for code to be run, or for files from elsewhere."""
    template = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    program = CODE.format(canary=str(canary)).encode()
    return [
        ("chat_template.jinja", template.encode()),
        ("tokenizer_config.json", json.dumps({"chat_template": template}).encode()),
        ("tokenizer_config.json", b'{"auto_map": {"AutoTokenizer": ["evil.T", null]}}'),
        ("config.json", b'{"auto_map": {"AutoModel": "evil.Model"}}'),
        ("config.json", b'{"trust_remote_code": true}'),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "../../evil.safetensors"}}'),
        ("modeling_evil.py", program),
        ("sitecustomize.py", program),
        ("README.md", program),
        ("config.yaml", b"a: !!python/object/apply:os.system [true]"),
    ]


def _zip(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(name, data)
    return held.getvalue()


def _tar(name: str, data: bytes) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        archive.addfile(entry, io.BytesIO(data))
    return held.getvalue()
