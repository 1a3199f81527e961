"""Every shipped recipe is a good spec, says what it is, can be planned offline, and runs at toy size."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from drdoctl.cli import run
from drdoctl.shipped import headline
from drdoctl.spec.load import load

ROOT = Path(__file__).parents[1]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
BIAS, GRID = "length-bias", "compare"
WORLDS = ("quickstart", BIAS)
PAPERS = [path for path in RECIPES if path.stem not in (*WORLDS, GRID, "smollm2-ultrafeedback")]
MODELINE = "# yaml-language-server: $schema=../schemas/spec.schema.json"
METHODS = ("drdo", "dpo", "e-dpo")
SHARED_ONCE = ("data", "sft", "oracle", "logps")

each_recipe = pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)


@each_recipe
def test_header_says_what_it_is_what_it_needs_and_the_command(path):
    """A recipe opens with the schema's line, one sentence about itself, its needs and a command with its own name."""
    text = path.read_text(encoding="utf-8")
    header = text.partition("\nversion:")[0]
    assert header.splitlines()[0] == MODELINE
    assert headline(path).endswith((".", ")."))
    for word in ("# What: ", "# Needs: ", "# Command: "):
        assert word in header
    assert f"drdoctl apply recipes/{path.name}" in header


@each_recipe
def test_it_loads_under_its_own_name(path):
    """A recipe has no faults, and its spec is called as its file is."""
    assert load(path).spec.name == path.stem


@pytest.mark.parametrize(
    "path", [path for path in RECIPES if path.stem not in (BIAS, GRID)], ids=lambda path: path.stem
)
def test_it_compares_three_methods_on_shared_stages(path, tmp_path, capsys):
    """Planned offline, a recipe aligns with DRDO, DPO and e-DPO, and what they share stands in the plan once."""
    code = run(["plan", str(path), "--json", "--offline", "--store", str(tmp_path / "store")])
    stages = json.loads(capsys.readouterr().out)["stages"]
    ids = [stage["id"] for stage in stages]
    assert code == 0
    assert [f"align[{method}]" in ids for method in METHODS] == [True] * 3
    assert [ids.count(kind) for kind in SHARED_ONCE] == [1] * 4
    assert sum(stage["kind"] == "oracle" for stage in stages) == 4 + len(load(path).spec.judges)
    assert all(stage["action"] == "run" for stage in stages)


def test_the_grid_has_one_judge_for_all_splits(tmp_path, capsys):
    """The recipe that compares methods on splits chooses rates by one judge a seed, which is nobody's teacher."""
    path = ROOT / "recipes" / f"{GRID}.yaml"
    code = run(["plan", str(path), "--json", "--offline", "--store", str(tmp_path / "store")])
    plan = json.loads(capsys.readouterr().out)
    ids = [stage["id"] for stage in plan["stages"]]
    judged = [one for one in ids if one.startswith("oracle[independent")]
    spec = load(path).spec
    assert code == 0
    assert len(judged) == len(spec.matrix["seed"]) == 3
    assert sum(one.startswith("align") for one in ids) == 60
    assert (spec.select.judge, spec.select.over) == ("independent", ["method.learning_rate"])


def test_all_rhos_share_the_oracle_and_the_relabelling(tmp_path, capsys):
    """The recipe with length bias trains one SFT student and one oracle, and draws three times from what it scored."""
    code = run(["plan", str(ROOT / "recipes" / f"{BIAS}.yaml"), "--json", "--store", str(tmp_path / "store")])
    stages = json.loads(capsys.readouterr().out)["stages"]
    kinds = [stage["kind"] for stage in stages]
    assert code == 0
    assert [kinds.count(kind) for kind in ("sft", "oracle", "data", "align")] == [1, 1, 4, 9]
    assert sum(stage["needs"] == ["data[all]", "rewards[all]"] for stage in stages) == 3


@pytest.mark.parametrize("path", PAPERS, ids=lambda path: path.stem)
def test_papers_values_are_the_papers(path):
    """The papers' recipes carry DRDO's Table 6 and appendix D."""
    spec = load(path).spec
    assert (spec.train.learning_rate, spec.train.max_steps, spec.train.global_batch) == (5e-6, 1000, 64)
    assert (spec.train.scheduler, spec.train.weight_decay) == ("cosine", 0.05)
    assert (spec.oracle.learning_rate, spec.oracle.epochs, spec.oracle.sft_weight) == (1e-5, 1, 0.01)
    assert (spec.student.sft.learning_rate, spec.student.sft.warmup_steps) == (1e-5, 100)
    assert (spec.data.max_prompt_tokens, spec.data.max_tokens) == (512, 1024)
    assert (spec.resources.processes, spec.resources.zero_stage) == (2, 2)
    methods = {plain["name"]: plain for plain in spec.matrix["method"]}
    assert (methods["drdo"]["alpha"], methods["drdo"]["gamma"]) == (0.1, 2)
    assert (methods["dpo"]["beta"], methods["e-dpo"]["members"]) == (0.1, 3)
    win = spec.evaluate[0]
    assert (win.temperatures, win.top_p, win.prompts, win.max_new_tokens) == ([0.2, 0.5, 0.7, 0.9], 0.8, 1000, 256)


def test_the_hardness_of_the_splits_is_all_that_differs():
    """The three TL;DR recipes are one recipe with three splits."""
    found = {}
    for name in ("all", "easy", "hard"):
        spec = load(ROOT / "recipes" / f"tldr-drdo-{name}.yaml").spec.model_dump()
        found[name] = [step["name"] for step in spec["data"].pop("split")]
        spec.pop("name")
        found.setdefault("rest", spec)
        assert spec == found["rest"]
    assert (found["all"], found["easy"], found["hard"]) == (["all"], ["easy"], ["hard"])


@pytest.fixture(scope="session")
def toys(tmp_path_factory) -> dict[str, str]:
    """Make a tiny model with its tokenizer, and pairs in its words with confidences."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    room = tmp_path_factory.mktemp("toys")
    words = {word: at for at, word in enumerate(["<pad>", "<eos>", "<unk>", "a", *(f"w{at}" for at in range(28))])}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(room / "model")
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=32, max_position_embeddings=64, eos_token_id=1, pad_token_id=0, bos_token_id=None, **sizes
    )
    LlamaForCausalLM(config).save_pretrained(room / "model")
    with (room / "pairs.jsonl").open("w", encoding="utf-8") as file:
        for at in range(60):
            near = at % 2  # half of the pairs differ in one word and are unsure, half in all words and are sure
            start = f"w{at % 7} w{at % 5} w1" + " w4 w5" * (at % 4 == 3)  # of those in a longer one, and are least sure
            chosen = f"{start} w2"
            rejected = f"{start} w3" if near else f"w{at % 3 + 8}" + " w9" * (at % 4)
            sureness = 5 - at % 4 if near else at % 4 + 6
            row = {"prompt": f"w{at % 28} w{at // 28}", "chosen": chosen, "rejected": rejected, "confidence": sureness}
            file.write(json.dumps(row) + "\n")
    return {"model": str(room / "model"), "pairs": str(room / "pairs.jsonl"), "store": str(room / "store")}


def toy_sets(path: Path, toys: dict[str, str]) -> list[str]:
    """Return the overrides that make a recipe small: two steps, four prompts, a tiny model and its pairs."""
    steps = "max_steps: 2, global_batch: 4"
    sets = ["resources={micro_batch: 4, device: cpu, threads: 1}"]
    if path.stem == BIAS:
        sets += ["data.split.0.size=4", "matrix={method: [d-dpo, dpo]}"]
    if path.stem in WORLDS:
        small = "{name: notes, train: 16, eval: 8, sft: 8, prompts: 4}"
        sets += [f"data.source={small}", "student.sft.max_steps=2", "oracle.max_steps=2", "train.max_steps=2"]
    else:
        sets += [
            f"data.source={{jsonl: {toys['pairs']}}}",
            "data.max_prompt_tokens=8",
            "data.max_tokens=16",
            f"student={{model: {toys['model']}, sft: {{{steps}}}}}",
            f"oracle={{model: {toys['model']}, {steps}}}",
            f"train={{{steps}}}",
            *(f"judges.{name}={{model: {toys['model']}, {steps}}}" for name in load(path).spec.judges),
        ]
    prompts = "prompts=4"
    if path.stem == GRID:  # chosen on some prompts, shown on the others
        sets, prompts = [*sets, "matrix.seed=[0]", "data.eval_fraction=0.3"], "prompts=16"
    for at, part in enumerate(load(path).spec.evaluate):
        if part.samplings():
            sets += [f"evaluate.{at}.{small}" for small in (prompts, "max_new_tokens=4", "temperatures=[0.7]")]
            sets += [f"evaluate.{at}.against=[sft]"] if part.name != "true-reward" and path.stem not in WORLDS else []
    return [word for text in sets for word in ("--set", text)]


@pytest.mark.slow
@each_recipe
def test_it_runs_at_toy_size(path, toys):
    """Applied with a tiny model and two steps a stage, a recipe ends well, and then has no changes."""
    env = {**os.environ, "CI": "1", "NO_COLOR": "1", "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "drdoctl",
        "apply",
        str(path),
        "--auto-approve",
        "--offline",
        "--store",
        toys["store"],
    ]
    command += toy_sets(path, toys)
    first = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert first.returncode == 0, first.stdout + first.stderr
    again = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert "No changes" in again.stdout + again.stderr
