"""Models outside the store: read only where they hold what was planned, and then independent of their files."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from drdoctl.core.errors import Refused  # noqa: E402
from drdoctl.spec.folder import weights_sha256  # noqa: E402
from drdoctl.spec.hashes import Hashes  # noqa: E402
from drdoctl.train import logps, models, reward_model, rewards, serve  # noqa: E402
from drdoctl.train.models import Policy, load_policy, new_head, new_lm, save_oracle, save_policy  # noqa: E402
from drdoctl.train.places import model_location  # noqa: E402
from drdoctl.train.reward_model import load_reward_model  # noqa: E402

FIELDS = {
    "model_type": "llama", "hidden_size": 32, "layers": 2, "heads": 4, "mlp_size": None, "activation": "gelu",
    "max_positions": 64, "rope_theta": 1000.0, "tied": True, "init_std": 0.1,
}  # fmt: skip
SPECIAL = {"eos_token_id": 1, "pad_token_id": 0, "bos_token_id": None}


def write(folder: Path, data: Path, save, seed: int = 1) -> Path:
    """Write a model with a head, as a student or as a reward model."""
    lm = new_lm(FIELDS, seed, 40, SPECIAL)
    shutil.rmtree(folder, ignore_errors=True)
    save(Policy(lm, new_head(lm.config, seed)), folder, data / "tokenizer" / "student")
    return folder


@pytest.fixture(params=["student.model", "oracle.model"])
def outside(request, tmp_path, data, make_job):
    """Return the key of a model outside the store, its folder, its job, how it is loaded and written."""
    key = request.param
    load, save = (load_policy, save_policy) if key == "student.model" else (load_reward_model, save_oracle)
    folder = write(tmp_path / "model", data, save)
    planned = {key: weights_sha256(folder, Hashes(None), key=key)}
    job = replace(make_job("logps"), locations={key: {"path": str(folder)}}, externals=planned)
    return key, folder, job, load, lambda seed: write(folder, data, save, seed)


def test_the_planned_weights_are_loaded_and_no_others(outside):
    """With the plan's content the model loads; with other weights under the same path it is refused, exit 6."""
    key, folder, job, load, write_again = outside
    load(model_location(job, "policy", key))
    write_again(2)
    with pytest.raises(Refused, match=f"`{key}`: `{folder}` no longer holds") as caught:
        load(model_location(job, "policy", key))
    assert caught.value.exit_code == 6
    write_again(1)
    load(model_location(job, "policy", key))


def test_weights_that_change_while_they_load_are_refused(outside, monkeypatch):
    """A write between the first look and the last is seen, though the model was loaded whole."""
    key, _, job, load, write_again = outside
    module = models if key == "student.model" else reward_model

    def late(*args, **more):
        found = plain(*args, **more)
        write_again(2)
        return found

    plain = module.whole
    monkeypatch.setattr(module, "whole", late)
    with pytest.raises(Refused, match="changed while it was read"):
        load(model_location(job, "policy", key))


def test_a_later_write_does_not_reach_the_model(outside):
    """Files written in place, or cut, while a stage works: its weights stay what they were."""
    key, folder, job, load, _ = outside
    model = load(model_location(job, "policy", key))
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    file = folder / "model.safetensors"
    with file.open("r+b") as stream:
        stream.seek(4096)
        stream.write(b"?" * (file.stat().st_size - 4096))
        stream.truncate(8192)
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    tied = model.lm if key == "student.model" else None
    assert tied is None or tied.get_output_embeddings().weight is tied.get_input_embeddings().weight


def test_stages_keep_nothing_of_moved_weights(outside):
    """Log-probabilities and rewards of a model that moved are refused before a single piece is made."""
    key, _, job, _, write_again = outside
    stage = logps if key == "student.model" else rewards
    write_again(2)
    with pytest.raises(Refused):
        stage.run(job)
    assert not list(job.path().glob("*.parquet"))
    assert not list(job.path().rglob("*.piece"))
    with pytest.raises(Refused):
        serve.served_model(job, model_location(job, "policy", key))
