"""A tiny data artifact, tokenizer and job for the training tests."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

VOCABULARY = 40
NEW_MODEL = {
    "model_type": "llama",
    "hidden_size": 32,
    "layers": 2,
    "heads": 4,
    "mlp_size": None,
    "activation": "gelu",
    "max_positions": 64,
    "rope_theta": 1000.0,
    "tied": True,
    "init_std": 0.1,
}
TRAINING = {
    "learning_rate": 1e-2,
    "epochs": 1.0,
    "max_steps": 6,
    "global_batch": 8,
    "scheduler": "cosine",
    "warmup_steps": None,
    "warmup_ratio": None,
    "weight_decay": 0.01,
    "beta1": 0.9,
    "beta2": 0.99,
    "max_grad_norm": 1.0,
}
RESOURCES = {
    "processes": 1,
    "micro_tokens": None,
    "micro_batch": 4,
    "zero_stage": 0,
    "offload": "none",
    "gradient_checkpointing": False,
    "activation_offload": False,
    "device": "cpu",
    "threads": 1,
    "checkpoint_steps": None,
    "checkpoint_minutes": 10.0,
    "keep": 2,
    "timeout_minutes": 5.0,
}


def write_tokenizer(folder: Path) -> None:
    """A word-level tokenizer of w0, w1 … with <pad> and <eos>."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": 0, "<eos>": 1, "<unk>": 2, **{f"w{i}": i for i in range(3, VOCABULARY)}}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")
    fast.save_pretrained(folder)


def write_data(folder: Path, rows: int = 24, seed: int = 0) -> Path:
    """A data artifact whose chosen responses repeat the prompt's first word and whose rejected ones do not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True, exist_ok=True)
    for part, count, offset in (("train", rows, 0), ("eval", 6, 1000), ("prompts", 6, 1000)):
        stream = np.random.default_rng([seed, offset])
        columns: dict[str, list] = {"id": [], "student_prompt": [], "student_chosen": [], "student_rejected": []}
        for row in range(count):
            prompt = stream.integers(3, VOCABULARY, stream.integers(3, 9)).tolist()
            columns["id"].append(f"{part}-{row}")
            columns["student_prompt"].append(prompt)
            columns["student_chosen"].append([*[prompt[0]] * int(stream.integers(1, 4)), 1])
            columns["student_rejected"].append([*stream.integers(3, VOCABULARY, stream.integers(1, 6)).tolist(), 1])
        arrays = {"id": pa.array(columns.pop("id"))}
        arrays |= {name: pa.array(values, pa.list_(pa.int32())) for name, values in columns.items()}
        pq.write_table(pa.table(arrays), folder / f"{part}.parquet")
    write_tokenizer(folder / "tokenizer" / "student")
    (folder / "report.json").write_text("{}")
    return folder


def write_caches(root: Path, data: Path, members: int = 3) -> dict[str, str]:
    """Rewards and reference log-probabilities for the data's rows, made up but fixed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    stream = np.random.default_rng(7)
    for part in ("train", "eval"):
        ids = pq.read_table(data / f"{part}.parquet", columns=["id"]).column("id")
        n = len(ids)
        for kind in ("rewards", "logps"):
            (root / kind).mkdir(exist_ok=True)
        scores = {
            f"{side}_{k}": pa.array(stream.normal(size=n).astype(np.float32))
            for k in range(members)
            for side in ("chosen", "rejected")
        }
        pq.write_table(pa.table({"id": ids, **scores}), root / "rewards" / f"{part}.parquet")
        logps = {f"{side}_logp": pa.array(-stream.uniform(2, 20, size=n)) for side in ("chosen", "rejected")}
        pq.write_table(pa.table({"id": ids, **logps}), root / "logps" / f"{part}.parquet")
    (root / "mismatched").mkdir()
    ids = pq.read_table(data / "train.parquet", columns=["id"]).column("id")
    logps = {f"{side}_logp": pa.array(-stream.uniform(20, 40, size=len(ids))) for side in ("chosen", "rejected")}
    pq.write_table(pa.table({"id": ids, **logps}), root / "mismatched" / "train.parquet")
    (root / "samples").mkdir()
    said = {
        f"response_{place}": pa.array([[5 + place] * (1 + row % 3) for row in range(len(ids))], pa.list_(pa.int32()))
        for place in range(2)
    }
    logps = {f"logp_{place}": pa.array(-stream.uniform(2, 20, size=len(ids))) for place in range(2)}
    pq.write_table(pa.table({"id": ids, **said, **logps}), root / "samples" / "train.parquet")
    return {kind: str(root / kind) for kind in ("rewards", "logps", "mismatched", "samples")}


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """The tiny data artifact."""
    return write_data(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def caches(tmp_path_factory, data):
    """Cached rewards (three members) and log-probabilities."""
    return write_caches(tmp_path_factory.mktemp("caches"), data)


@pytest.fixture
def make_job(tmp_path, data, caches):
    """Return a job of a kind, in a folder of its own; `resources` and `settings` override."""
    from drdoctl.stages import Job

    def make(kind: str, name: str = "a", *, resources=None, settings=None, inputs=None, method=None):
        out = tmp_path / name
        out.mkdir(exist_ok=True)
        section = {"sft": "student.sft", "oracle": "oracle", "align": "train"}.get(kind)
        base = {"seed": 3, "student.dtype": "fp32", "oracle.dtype": "fp32"}
        if section:
            base |= {f"{section}.{key}": value for key, value in TRAINING.items()}
        if kind == "oracle":
            base |= {"oracle.sft_weight": 0.01, "oracle.seed": 0}
        if method:
            base |= {f"method.{key}": value for key, value in method.items()}
        roles = {"data": str(data)} | (caches if kind == "align" else {}) | (inputs or {})
        return Job(
            kind=kind,
            id=kind,
            artifact=f"{kind}-test",
            settings=base | (settings or {}),
            inputs=roles,
            locations={"student.model": {"new": NEW_MODEL}, "oracle.model": {"new": NEW_MODEL}},
            resources=RESOURCES | (resources or {}),
            out=str(out),
        )

    return make


BODY = """
import json, sys, traceback
from pathlib import Path
from drdoctl.stages import Job
from drdoctl.core.progress import StopRequested
from drdoctl.engine.worker import end
import importlib
job = Job.read(Path(sys.argv[1]))
try:
    importlib.import_module(f"drdoctl.train.{job.kind}").run(job)
except StopRequested:
    end(75)
except BaseException:
    traceback.print_exc()
    end(1)
end(0)
"""
"""Ends as a worker does: at once. Tearing torch down aborts now and then where the other rank has gone."""


@pytest.fixture
def run_job(tmp_path, monkeypatch):
    """Run a job in child processes, as many as `resources.processes`; return the exit codes."""
    import os
    import socket

    def run(job, *, wait: bool = True, env=None):
        path = Path(job.out) / "job.json"
        path.write_text(json.dumps(asdict(job)))
        size = job.resources["processes"]
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        children = []
        for rank in range(size):
            place = {
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "WORLD_SIZE": str(size),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            }
            log = (Path(job.out) / f"log-{rank}.txt").open("a")
            children.append(
                subprocess.Popen(
                    [sys.executable, "-c", BODY, str(path)],
                    env={
                        **os.environ,
                        **place,
                        "OMP_NUM_THREADS": "1",
                        "HF_HUB_OFFLINE": "1",
                        "DS_ACCELERATOR": "cpu",
                        **(env or {}),
                    },
                    stdout=log,
                    stderr=subprocess.STDOUT,
                ),
            )
        return [child.wait(timeout=120) for child in children] if wait else children

    return run


@pytest.fixture
def with_resources():
    """Return the same job with other resources."""
    return lambda job, **changes: replace(job, resources={**job.resources, **changes})
