"""What a stage trains: a whole model, or an adapter on a frozen one; and what the stage leaves of it.

An adapter of the student is one from SFT to the aligned student: SFT begins it over the base, alignment goes on with
it. Until the last stage it stays an adapter; there `merge` decides. An oracle's is begun and finished in its stage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from drdoctl.core.adapters import NF4, lora_of
from drdoctl.data._tokenizers import copy_tokenizer
from drdoctl.stages import Job
from drdoctl.train import adapters, quantize
from drdoctl.train.models import DTYPES, HEAD_FILE, Policy, load_policy, save_oracle, save_policy
from drdoctl.train.places import described, model_location, tokenizer_folder


def load_trainee(job: Job, who: str, device: torch.device) -> Policy:
    """Return what the job trains, on its device: with `student.lora` (or `oracle.lora`) frozen but for its adapter."""
    where, lora = model_location(job, "policy", f"{who}.model"), lora_of(job.settings, who)
    if lora is None:
        return load_policy(where).to(device)
    begun = where if who == "student" and "base" in where else None
    # packed below, so not rounded here
    policy = load_policy({**(begun["base"] if begun else where), "quantize": "none"})
    if lora["quantize"] == NF4:
        dtype = DTYPES[job.settings["student.dtype" if who == "student" else "oracle.dtype"]]
        quantize.pack(policy.lm, adapters.decoder_matrices(policy.lm), device, dtype)
    if begun is None:
        adapters.attach(policy.lm, lora, job.settings["seed"])
    else:
        adapters.load_adapter(policy.lm, Path(begun["path"]))
    policy.register_state_dict_post_hook(_trained_only)
    return policy.to(device)


def load_adapted(begun: dict[str, Any]) -> Policy:
    """Return a model with its adapter beside it, as alignment goes on with it. `begun`: adapter and `base`.

    Merged, it is another model under bfloat16: a sum is rounded once, its parts twice. The reference's
    log-probabilities must be those that training begins with. A 4-bit base is rounded here, not packed.
    """
    folder = Path(begun["path"])
    policy = load_policy({**begun["base"], "quantize": NF4 if adapters.rounded_base(folder) else "none"})
    adapters.load_adapter(policy.lm, folder)
    return policy


def _trained_only(policy: Policy, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Keep the base out of checkpoints: by itself DeepSpeed would keep a tied LM head and the scales of 4-bit matrices.

    The hook is the policy's alone: its LM is still saved whole.
    """
    kept = {prefix + name for name, weight in policy.named_parameters() if weight.requires_grad}
    for name in state.keys() - kept:
        del state[name]


def save_student(policy: Policy, job: Job) -> None:
    """Write what a stage leaves of a student: a whole model, or an adapter with the tokenizer (and the reward head)."""
    lora, tokenizer = lora_of(job.settings, "student"), tokenizer_folder(job, "student")
    if lora is None or lora.get("merge"):
        _merge(policy, lora)
        save_policy(policy, job.path(), tokenizer)
        return
    adapters.save_adapter(policy.lm, job.path(), lora, _base(job, "student"))
    if policy.head is not None:
        save_file({"weight": policy.head.weight.detach().contiguous().cpu()}, job.path(HEAD_FILE))
    copy_tokenizer(tokenizer, job.path(), policy.lm.config.vocab_size)


def save_trained_oracle(policy: Policy, job: Job) -> None:
    """Write what the stage leaves of an oracle: a whole reward model, or an adapter with the reward head in it."""
    lora = lora_of(job.settings, "oracle")
    # a judge may have a tokenizer of its own
    who = job.settings.get("oracle.tokens", "oracle")
    tokenizer = tokenizer_folder(job, who)
    if lora is None or lora["merge"]:
        _merge(policy, lora)
        save_oracle(policy, job.path(), tokenizer, described(job, who).get("end_token_id"))
        return
    if policy.head is None:
        raise ValueError("an oracle has a reward head")
    adapters.save_adapter(policy.lm, job.path(), lora, _base(job, "oracle"), score=policy.head.weight)
    copy_tokenizer(tokenizer, job.path(), policy.lm.config.vocab_size)


def _merge(policy: Policy, lora: dict[str, Any] | None) -> None:
    if lora is not None:
        adapters.merge(policy.lm)


def _base(job: Job, who: str) -> dict[str, Any]:
    where = model_location(job, "policy", f"{who}.model")
    return dict(where.get("base", where))
