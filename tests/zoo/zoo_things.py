"""Small artifacts, cards and hostile files for the zoo's tests. No torch."""

from __future__ import annotations

import hashlib
import json

from drdoctl.core.fingerprint import digest
from drdoctl.stages import Want
from drdoctl.zoo import Upload
from drdoctl.zoo.card import ROLES, Card, FileEntry, fingerprint_of
from drdoctl.zoo.location import open_zoo


def safetensors(values=b"\0" * 1024, name="score.weight"):
    """Return a sound safetensors file with one tensor of bytes."""
    header = json.dumps({name: {"dtype": "U8", "shape": [len(values)], "data_offsets": [0, len(values)]}}).encode()
    return len(header).to_bytes(8, "little") + header + values


FILES = {
    "config.json": b'{"architectures": ["LlamaForSequenceClassification"], "model_type": "llama", "num_labels": 1}\n',
    "model.safetensors": safetensors(),
    "tokenizer.json": b'{"version": "1.0"}\n',
    "tokenizer_config.json": b'{"chat_template": "{{ messages }}"}\n',
}


def adapter(base="facebook/opt-1.3b", revision="c" * 40, quantize="none"):
    """Return the files of a low-rank adapter over a base."""
    config = {"peft_type": "LORA", "base_model_name_or_path": base, "revision": revision, "auto_mapping": None}
    told = {"config": {"model_type": "opt"}, "quantize": quantize}
    kept = {name: data for name, data in FILES.items() if name.startswith("tokenizer")}
    made = {"adapter_config.json": config, "adapter_base.json": told}
    return {
        **kept,
        **{name: json.dumps(plain).encode() for name, plain in made.items()},
        "adapter_model.safetensors": safetensors(),
    }


def win_rate(value, low, high, against, part):
    """Return a figure of the eval `win-rate`, as the evaluate stage writes it where a spec has `select`."""
    return {
        "metric": "win_rate",
        "value": value,
        "low": low,
        "high": high,
        "unit": "share",
        "against": against,
        "judge": "oracle",
        "temperature": 0.7,
        "count": 512,
        "warnings": ["judge = teacher"],
        "part": part,
    }


FIGURES = [
    win_rate(0.83, 0.79, 0.87, "reference", "test"),
    win_rate(0.61, 0.57, 0.65, "sft", "test"),
    win_rate(0.98, 0.97, 0.99, "reference", "validation"),
    win_rate(0.55, 0.51, 0.59, "sft", "validation"),
]
"""Of two baselines, on test prompts and on those that students are chosen by."""


def commit(store, want, files):
    """Commit an artifact made of `files`."""
    folder, _ = store.open_partial(want)
    (folder / "job.json").write_text(json.dumps({"fingerprint": want.fingerprint}), encoding="utf-8")
    for name, data in files.items():
        (folder / name).write_bytes(data)
    store.commit(want, "small", {"accuracy": 0.75}, 1.5)


def make_artifact(store, kind, files=None, seed=0, extra=None):
    """Commit a small artifact and return its name. `extra`: files beside the published ones."""
    want = Want(
        kind=kind,
        version=1,
        settings={f"{kind}.seed": seed, "student.dtype": "fp32"},
        externals={"oracle.model" if kind == "oracle" else "student.model": "ab" * 32},
        warnings=("judge = teacher",),
    )
    commit(store, want, {**(files or FILES), "metrics.jsonl": b'{"step": 1}\n', **(extra or {})})
    return want.artifact


def make_card(name="thing", files=None, **changes):
    """Return a consistent card over `files` (name -> bytes), but for what `changes` says."""
    content = files if files is not None else FILES
    fields = {
        "format": 1,
        "name": name,
        "role": ROLES["oracle"],
        "kind": "oracle",
        "spec": {"oracle.seed": 0},
        "version": 1,
        "files": {file: entry(data) for file, data in content.items()},
        **changes,
    }
    made = {
        "settings": fields["spec"],
        "inputs": fields.get("inputs", {}),
        "externals": fields.get("externals", {}),
        **{key: fields[key] for key in ("kind", "version")},
    }
    return Card(**{"spec_sha256": digest(fields["spec"]), "fingerprint": fingerprint_of(made), **fields})


def entry(data):
    """Return the card's entry of some bytes."""
    return FileEntry(sha256=hashlib.sha256(data).hexdigest(), size=len(data))


def publish(location, tmp_path, files, name="thing", tag=None, **changes):
    """Publish files as they are, with a consistent card: what somebody with bad intent can do."""
    card = make_card(name, files, **changes)
    folder = tmp_path / f"upload-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    paths = {}
    for number, (file, data) in enumerate(files.items()):
        paths[file] = folder / str(number)
        paths[file].write_bytes(data)
    return open_zoo(location).publish(name, Upload(card.to_bytes(), paths, "page", tag))


def damage(zoo, revision, path):
    """Change the last byte of a published file: in the one place that has it, or on the Hub in a commit on `main`."""
    if hasattr(zoo, "api"):
        from huggingface_hub import CommitOperationAdd

        data = FILES[path][:-1] + bytes([FILES[path][-1] ^ 1])
        zoo.api.create_commit(zoo.repo("thing"), [CommitOperationAdd(path, data)], commit_message="damage")
    else:
        sha256 = hashlib.sha256(FILES[path]).hexdigest()
        zoo.root.put(f"blobs/sha256/{sha256[:2]}/{sha256}", FILES[path][:-1] + bytes([FILES[path][-1] ^ 1]))
