"""Models: a causal LM with an optional reward head, from a folder, from the Hub's cache, or new."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

from drdoctl.core.adapters import NF4
from drdoctl.core.architectures import SUPPORTED, limit_of
from drdoctl.core.errors import UserError
from drdoctl.core.unsupported import why_not
from drdoctl.data._tokenizers import copy_tokenizer
from drdoctl.stages.planned import as_planned
from drdoctl.train import adapters, pages
from drdoctl.train.attention import NAME as TREES
from drdoctl.train.batches import FlatBatch
from drdoctl.train.classifier import classifier, spare_pad
from drdoctl.train.clipping import HeadClip
from drdoctl.train.flash import Ends
from drdoctl.train.forward import Outputs, places, responses_reward, sequence_logp
from drdoctl.train.kernels import use_kernels
from drdoctl.train.last_layer import read_only_where_asked
from drdoctl.train.quantize import round_trip
from drdoctl.train.rounding import kernels_by_length, rounded
from drdoctl.train.weights import copied, reading, whole

HEAD_FILE = "reward_head.safetensors"
LM_HEAD_FILE = "lm_head.safetensors"
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def last_states(model: Any, batch: FlatBatch, reads: torch.Tensor, ends: Ends | None) -> torch.Tensor:
    """Return the last hidden state at the places `reads` of the row, shape (len(reads), D).

    `ends`: how many of each stretch's last tokens these are.
    """
    count = len(reads)
    if kernels_by_length(reads.device):
        batch, reads = rounded(batch, reads)
        ends = None  # what fills up the reads is no stretch's end
    return model.base_model(
        input_ids=batch.input_ids,
        position_ids=batch.position_ids,
        use_cache=False,
        trees=batch.trees,
        reads=reads,
        ends=ends,
    ).last_hidden_state[0, :count]


class Policy(nn.Module):
    """A causal LM that reads flat batches. `head` gives a reward at each response's last token."""

    def __init__(self, lm: Any, head: nn.Linear | None = None, *, detach_trunk: bool = False) -> None:
        """Wrap `lm`; with `detach_trunk` the head's gradient does not reach it."""
        super().__init__()
        use_kernels(lm)
        read_only_where_asked(lm)
        self.lm = lm
        self.head = head
        self.detach_trunk = detach_trunk
        self.head_rate = 1.0
        """The head's learning rate, in the others'."""
        self.head_limit: float | None = None
        """The norm that the head's gradient is clipped to, apart from the others'; None: it shares their factor."""
        self.head_clip: HeadClip | None = None
        """What clips it, once there is an optimizer."""

    def forward(self, batch: FlatBatch, *, logp: bool = True) -> Outputs:
        """Return summed log-probabilities (unless `logp` is false) and rewards of the N responses."""
        reads = batch.reads if logp else batch.last_at
        hidden = last_states(self.lm, batch, reads, batch.ends(logp=logp))
        reward = None
        if self.head is not None:
            states = hidden.index_select(0, places(reads, batch.last_at))
            reward = responses_reward(states.detach() if self.detach_trunk else states, self.head)
        return Outputs(
            logp=sequence_logp(hidden, batch, self.lm.get_output_embeddings(), self.lm.config.vocab_size)
            if logp
            else None,
            tokens=batch.response_lengths.float(),
            reward=reward,
        )


def supported_config(source: str, revision: str | None = None) -> Any:
    """Return a model's configuration, dropout off. Raises UserError where its type is not supported."""
    with reading(source):
        config = AutoConfig.from_pretrained(source, revision=revision, trust_remote_code=False)
    why = why_not(config.to_dict())
    if why is not None:
        raise UserError(
            f"models of type `{config.model_type}` are not supported: {why}",
            code="unknown-architecture",
            hint=f"use one of: {', '.join(SUPPORTED)}",
        )
    return _no_dropout(config)


def _no_dropout(config: Any) -> Any:
    """Dropout off everywhere: cached log-probabilities must match, and a resumed run needs no RNG state."""
    for name in vars(config):
        if name.endswith(("dropout", "pdrop", "layerdrop")) and isinstance(getattr(config, name), int | float):
            setattr(config, name, 0.0)
    return config


def head_width(config: Any) -> int:
    """Return the width of the last hidden state (OPT-350m projects it down)."""
    return int(getattr(config, "word_embed_proj_dim", None) or config.hidden_size)


def new_head(config: Any, seed: int) -> nn.Linear:
    """Return a reward head with its own random stream: members of an ensemble differ in `seed` alone."""
    head = nn.Linear(head_width(config), 1, bias=False)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        head.weight.normal_(0.0, 1.0 / (head_width(config) + 1) ** 0.5, generator=generator)
    return head


def load_lm(location: dict[str, Any]) -> Any:
    """Load a causal LM in float32 from `{"path": folder}`, `{"hub": id, "revision": sha}` or `{"new": fields, …}`.

    A folder with an adapter is merged into its base: `location["base"]`, else what the adapter names. With
    `"quantize": "nf4"` the matrices are rounded to 4 bits. With `"outside"`, what is not as planned is refused.
    """
    if "path" in location and adapters.is_adapter(location["path"]):
        return _merged(location)
    lm = _plain_lm(location)
    if location.get("quantize") == NF4:
        round_trip(adapters.decoder_matrices(lm))
    return lm


def _merged(location: dict[str, Any]) -> Any:
    folder = Path(location["path"])
    quantize = NF4 if adapters.rounded_base(folder) else "none"
    lm = load_lm({**(location.get("base") or adapters.base_of(folder)), "quantize": quantize})
    adapters.load_adapter(lm, folder)
    adapters.merge(lm)
    return lm


def _plain_lm(location: dict[str, Any]) -> Any:
    if "new" in location:
        return new_lm(location["new"], location["seed"], location["vocab_size"], location["special"])
    source, revision = location.get("path") or location["hub"], location.get("revision")
    with as_planned(location.get("outside", ())):
        config = supported_config(source, revision)
        check_window(config, location.get("max_tokens"))
        lm = whole(AutoModelForCausalLM, source, revision=revision, config=config, attention=TREES)
        return copied(lm) if location.get("outside") else lm


def check_window(config: Any, max_tokens: int | None) -> None:
    """Refuse a model whose positions, window or rotary scaling end before the sequences do."""
    limit = limit_of(config.to_dict())
    if max_tokens is not None and limit is not None and limit.tokens < max_tokens:
        raise UserError(
            f"`data.max_tokens` is {max_tokens:,}, but the model takes {limit.tokens:,} tokens at most: {limit.reason}",
            code="too-long-for-model",
            hint=f"use `--set data.max_tokens={limit.tokens}` or less",
        )


def new_lm(fields: dict[str, Any], seed: int, vocab_size: int, special: dict[str, int]) -> Any:
    """Build a small causal LM with random weights from a spec's `NewModel` fields."""
    mlp = fields["mlp_size"] or 3 * fields["hidden_size"]
    common = {
        "vocab_size": vocab_size,
        "hidden_size": fields["hidden_size"],
        "num_hidden_layers": fields["layers"],
        "num_attention_heads": fields["heads"],
        "max_position_embeddings": fields["max_positions"],
        "tie_word_embeddings": fields["tied"],
        **special,
    }
    if fields["model_type"] == "opt":
        own = {
            "ffn_dim": mlp,
            "activation_function": fields["activation"],
            "word_embed_proj_dim": fields["hidden_size"],
            "init_std": fields["init_std"],
        }
    else:
        if fields["model_type"] != "gpt_neox":
            common["num_key_value_heads"] = fields["heads"]
        rope = {"rope_type": "default", "rope_theta": fields["rope_theta"]}
        own = {
            "intermediate_size": mlp,
            "hidden_act": fields["activation"],
            "initializer_range": fields["init_std"],
            "rope_parameters": rope,
        }
    config = _no_dropout(AutoConfig.for_model(fields["model_type"], **common, **own))
    pages.settle(config)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoModelForCausalLM.from_config(config, attn_implementation=TREES, dtype=torch.float32)


def load_policy(location: dict[str, Any] | str | Path) -> Policy:
    """Load a student: its LM, and its reward head where the folder has one."""
    where: dict[str, Any] = location if isinstance(location, dict) else {"path": str(location)}
    with as_planned(where.get("outside", ())):
        lm = load_lm(where)
        head_file = Path(where["path"], HEAD_FILE) if "path" in where else None
        head = None
        if head_file is not None and head_file.exists():
            head = new_head(lm.config, 0)
            head.load_state_dict(load_file(head_file))
        return Policy(lm, head)


def save_policy(policy: Policy, folder: Path, tokenizer: Path) -> None:
    """Write a folder that `AutoModelForCausalLM` loads: safetensors, config, tokenizer (and the reward head)."""
    policy.lm.save_pretrained(folder)
    if policy.head is not None:
        save_file({"weight": policy.head.weight.detach().contiguous().cpu()}, folder / HEAD_FILE)
    copy_tokenizer(tokenizer, folder, policy.lm.config.vocab_size)


def save_oracle(policy: Policy, folder: Path, tokenizer_folder: Path, end: int | None = None) -> None:
    """Write a folder that `AutoModelForSequenceClassification` loads and that gives the same scores.

    `end`: the id of the token that closes every response; the tokenizer's own end token without it.
    """
    tokenizer = AutoTokenizer.from_pretrained(tokenizer_folder, trust_remote_code=False)
    if policy.head is None:
        raise ValueError("an oracle has a reward head")
    pad = spare_pad(tokenizer, tokenizer.eos_token_id if end is None else end, policy.lm.config.vocab_size)
    classifier(policy.lm, policy.head, pad).save_pretrained(folder)
    output = policy.lm.get_output_embeddings()
    if output.weight is not policy.lm.get_input_embeddings().weight:
        save_file({"weight": output.weight.detach().contiguous().cpu()}, folder / LM_HEAD_FILE)
    tokenizer.save_pretrained(folder)
