"""Rules about adapters."""

from __future__ import annotations

import pytest

BASE = "version: 1\nname: x\ndata: {source: {jsonl: a}}\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("student: {model: a/b, lora: {}}\nmethod: dpo", []),
        ("student: {model: a/b, lora: {target: q_proj}}\nmethod: dpo", []),
        ("student: {model: a/b, lora: {target: [q_proj, q_proj]}}\nmethod: dpo", ["duplicate"]),
        ("student: {model: a/b, lora: {target: [all-linear, q_proj]}}\nmethod: dpo", ["conflict"]),
        ("student: {model: a/b, lora: {quantize: nf4}}\nmethod: dpo\nresources: {zero_stage: 2}", []),
        ("student: {model: a/b, lora: {quantize: nf4}}\nmethod: dpo\nresources: {zero_stage: 3}", ["conflict"]),
        ("student: {model: a/b, lora: {}}\nmethod: dpo\nresources: {zero_stage: 3}", []),
        ("student: {model: a/b, lora: {merge: false}}\nmethod: dpo\npublish: {student: zoo/s}", []),
        ("student: {model: ./b, lora: {merge: false}}\nmethod: dpo", []),
        ("student: {model: ./b, lora: {merge: false}}\nmethod: dpo\npublish: {student: zoo/s}", ["conflict"]),
        ("student: {model: zoo/b, lora: {merge: false}}\nmethod: dpo", ["conflict"]),
        ("student: {model: zoo/b, lora: {}}\nmethod: dpo", []),
        ("student: {model: a/b}\noracle: {model: sft, lora: {merge: false}}\nmethod: drdo", ["conflict"]),
        ("student: {model: a/b}\noracle: {model: sft, lora: {}}\nmethod: drdo", []),
        ("student: {model: a/b}\noracle: {model: zoo/o, lora: {}}\nmethod: drdo", ["no-effect"]),
    ],
)
def test_what_an_adapter_may_sit_on_and_who_could_load_it(fault_codes, text, found):
    """Targets are named once, packed matrices stay whole, and an adapter alone has a base that others can name."""
    assert fault_codes(BASE + text) == found
