"""Child of `drdoctl export`: a model as other programs want it, in one folder and one type of numbers.

    python -m drdoctl.train.export REQUEST.json

Adapters are merged. What lies beside the model's own weights stays at home: a loader of all weights in a folder would
take an oracle's LM head, or a student's reward head, for a part of the model.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drdoctl.core.adapters import ADAPTER_CONFIG
from drdoctl.core.files import disk_errors, read_json
from drdoctl.data._template import Template
from drdoctl.data._tokenizers import choose_pad, load_tokenizer
from drdoctl.train import adapters
from drdoctl.train.answer import answer
from drdoctl.train.classifier import classifier, spare_pad
from drdoctl.train.ending import end_where_read
from drdoctl.train.models import DTYPES, load_lm
from drdoctl.train.reward_model import is_classifier, load_classifier

SHARD = "5GB"
"""Bytes of a file of weights at most."""


@dataclass(frozen=True)
class Request:
    """What `drdoctl export` asks for."""

    source: str
    """Folder of an oracle, a student, or any model of a supported type; or of an adapter."""
    template: str
    """`auto` or `none`, as in training."""
    dtype: str
    target: str
    """Folder to fill."""
    out: str
    """Folder for `result.json`."""


def run(request: Request) -> dict[str, Any]:
    """Write the model and its tokenizer, and return what was written.

    Raises UserError where the folder is no model that can be read, has no tokenizer, or has another number of labels
    than one.
    """
    source, target = Path(request.source), Path(request.target)
    tokenizer = load_tokenizer({"path": str(source)}, None, "student.tokenizer")
    template = Template(tokenizer, request.template)
    end = tokenizer.convert_tokens_to_ids(template.end_token) if template.end_token is not None else None
    if is_reward_model(source):
        model, role = _reward_model(source, tokenizer, end), "oracle"
        ends = end_where_read(tokenizer, template) if template.chat else None
    else:
        model, role, ends = _causal_lm(source, tokenizer, end), "student", None
    with disk_errors(target):
        model.to(DTYPES[request.dtype]).save_pretrained(target, max_shard_size=SHARD)
        tokenizer.save_pretrained(target)
    return {
        "role": role,
        "architecture": type(model).__name__,
        "activation": getattr(model.config, "hidden_act", None),
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "dtype": request.dtype,
        "pad_token": tokenizer.pad_token,
        "end_token": template.end_token,
        "ends_where_read": ends,
        "reads_before_end": role == "oracle" and end is not None and model.config.pad_token_id == end,
    }


def is_reward_model(folder: Path) -> bool:
    """Whether a folder holds a sequence classifier, or the adapter of one."""
    if adapters.is_adapter(folder):
        return (read_json(folder / ADAPTER_CONFIG) or {}).get("task_type") == "SEQ_CLS"
    return is_classifier(str(folder))


def _reward_model(source: Path, tokenizer: Any, end: int | None) -> Any:
    """Return the whole model, with the padding token that it was trained with, or a new one that ends nothing."""
    if adapters.is_adapter(source):
        model = classifier(load_lm({"path": str(source)}), adapters.score_of(source), None)
    else:
        model = load_classifier(str(source), None)
    if model.config.pad_token_id is not None:
        tokenizer.pad_token = tokenizer.convert_ids_to_tokens(model.config.pad_token_id)
    else:
        if end is not None:
            choose_pad(tokenizer, end, model.config.vocab_size)
        model.config.pad_token_id = spare_pad(tokenizer, end, model.config.vocab_size)
    # one number, as it is: pipelines and servers would else make a probability of it
    model.config.problem_type = "regression"
    return model


def _causal_lm(source: Path, tokenizer: Any, end: int | None) -> Any:
    """Return the whole model, which ends a response where training did."""
    lm = load_lm({"path": str(source)})
    words, pad = lm.config.vocab_size, tokenizer.pad_token_id
    if end is not None and (pad is None or pad >= words):
        choose_pad(tokenizer, end, words)
    lm.config.pad_token_id = lm.generation_config.pad_token_id = tokenizer.pad_token_id
    told = lm.generation_config.eos_token_id
    ends = [told] if isinstance(told, int) else list(told or [])
    if end is not None and end not in ends:
        lm.generation_config.eos_token_id = [*ends, end]
    return lm


def main(path: Path) -> int:
    """Carry the request out; leave the summary, or the faults, in `result.json`."""
    request = Request(**json.loads(path.read_text(encoding="utf-8")))
    return answer(Path(request.out), lambda: run(request))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
