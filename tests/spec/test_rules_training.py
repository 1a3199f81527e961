"""Rules about training settings and models."""

from __future__ import annotations

import json

import pytest

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\n"


def test_a_local_reward_model_is_finished_by_its_own_config(fault_codes, tmp_path):
    """A folder whose config names a sequence classifier is used as it is; another is trained."""
    for name, architecture in (("reward", "LlamaForSequenceClassification"), ("base", "LlamaForCausalLM")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    text = "student: {model: base}\nmethod: drdo\noracle: {model: NAME, sft_weight: 0.1}"
    assert fault_codes(BASE + text.replace("NAME", "base")) == []
    assert fault_codes(BASE + text.replace("NAME", "reward")) == ["no-effect"]


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("resources: {processes: 2}", []),
        ("resources: {processes: 5}", ["indivisible", "indivisible"]),
        ("resources: {processes: 5}\ntrain: {global_batch: 60}", ["indivisible"]),
        ("resources: {zero_stage: 1, offload: optimizer}", []),
        ("resources: {zero_stage: 3, offload: all}", []),
        ("resources: {pin_threads: true}", ["no-effect"]),
        ("resources: {pin_threads: true, processes: 2}", []),
        ("resources: {pin_threads: true, processes: 2, device: cuda}", ["no-effect"]),
        ("resources: {activation_offload: true}", []),
        ("resources: {activation_offload: true, device: cpu}", ["no-effect"]),
        ("train: {max_steps: 5, warmup_steps: 5}", []),
        ("train: {max_steps: 5, warmup_steps: 6}", ["conflict"]),
    ],
)
def test_batches_offload_and_warm_up(fault_codes, text, codes):
    """What is trained here is checked, and nothing else."""
    assert fault_codes(BASE + "student: {model: a/b}\nmethod: dpo\n" + text) == codes


def test_unpinned_models_are_a_warning(checked):
    """A Hub id without revision may move; a pinned one, a folder and a zoo name cannot."""
    text = "method: drdo\nstudent: {model: a/b}\noracle: {model: c/d}"
    assert len(checked(BASE + text)[1]) == 2
    pinned = text.replace("a/b", "a/b, revision: v1").replace("c/d", "zoo/a")
    assert checked(BASE + pinned)[1] == ()
