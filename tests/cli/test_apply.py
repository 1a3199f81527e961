import json
import os
import signal
import time
from pathlib import Path

import jsonschema
import pytest

from drdoctl import cli
from drdoctl.cli import apply
from drdoctl.cli.console import Console
from drdoctl.core.files import write_atomic
from drdoctl.engine import execute as engine
from drdoctl.engine import launch
from drdoctl.engine.outcome import Outcome
from drdoctl.store.artifact import Store
from drdoctl.store.events import schema
from drdoctl.store.lock import hold

SPEC = """\
version: 1
name: toy
data:
  source: {jsonl: pairs.jsonl}
  max_prompt_tokens: 48
  max_tokens: 80
student:
  model: {model_type: llama, hidden_size: 32, layers: 1, heads: 2, max_positions: 128}
  tokenizer: tokenizer
  sft: {max_steps: 4, global_batch: 4}
method: {name: dpo, beta: 0.1}
train: {max_steps: 3, global_batch: 4}
resources: {device: cpu, threads: 1}
"""
STAGES = ["data", "sft", "logps", "align[dpo]"]
SIGNALS = [(signal.SIGTERM, 143), (signal.SIGUSR1, 75), (signal.SIGHUP, 129), (signal.SIGINT, 130)]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Work in a folder with a small spec, its data and a tokenizer; children run the made-up stages."""
    (tmp_path / "toy.yaml").write_text(SPEC)
    rows = [{"prompt": f"a {n}", "chosen": "b", "rejected": "c"} for n in range(8)]
    (tmp_path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "tokenizer").mkdir()
    words = {"version": "1.0", "model": {"type": "WordLevel", "vocab": {"<eos>": 0, "a": 1}, "unk_token": "<eos>"}}
    (tmp_path / "tokenizer" / "tokenizer.json").write_text(json.dumps(words))
    (tmp_path / "tokenizer" / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<eos>"}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(launch, "WORKER", "fake_stages")
    monkeypatch.setattr(launch, "can_fork", lambda *_: False)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1] / "engine"))
    return tmp_path


@pytest.fixture
def call(capsys):
    """Return a function that runs a command line, and gives its exit code, stdout and stderr."""

    def run(*argv):
        code = cli.run(list(argv))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return run


def artifact(stage):
    """Return the name of a stage's artifact, from the plan."""
    from drdoctl.cli._plan import plan_for
    from drdoctl.cli.options import Options

    plan = plan_for(Path("toy.yaml"), Options(Path(".drdoctl"), (), False, True, False, False, Console())).plan
    return next(planned.want.artifact for planned in plan.stages if planned.want.id == stage)


def test_apply_carries_out_once_and_then_has_nothing_to_do(call):
    """The first apply makes every artifact and prints the student's path; the second changes nothing, asks nothing."""
    code, out, err = call("apply", "toy.yaml", "-y")
    assert code == 0, err
    assert out == f"align[dpo]: .drdoctl/artifacts/{artifact('align[dpo]')}\n"
    assert [line for line in err.splitlines() if ": done in" in line][-1].startswith("[4/4] align[dpo]: done")
    runs = len(list(Path(".drdoctl/runs").iterdir()))
    code, out, err = call("apply", "toy.yaml")
    assert (code, out, err) == (0, "No changes. All 4 artifacts match toy.yaml.\n", "")
    assert len(list(Path(".drdoctl/runs").iterdir())) == runs
    assert call("status", "toy.yaml", "--json")[1].count('"state": "done"') == 4


def test_without_anybody_to_ask_the_flag_is_named(call):
    """No terminal and no flag: exit 2 with the command that would do it, and not even a store is made."""
    code, _, err = call("apply", "toy.yaml")
    assert code == 2
    assert "error[no-prompt]" in err
    assert "`drdoctl apply toy.yaml --auto-approve`" in err
    assert not Path(".drdoctl").exists()
    Path("my toy.yaml").write_text(SPEC)
    _, _, err = call("apply", "my toy.yaml", "--set", "train.max_steps=7", "--store", "a b")
    assert "`drdoctl apply 'my toy.yaml' --set train.max_steps=7 --store 'a b' --auto-approve`" in err


@pytest.mark.parametrize(("answer", "code", "runs"), [("yes", 0, True), ("y", 1, False), ("", 1, False)])
def test_only_yes_is_taken(call, monkeypatch, answer, code, runs):
    """At a terminal the plan is shown and asked about; any word but `yes` leaves everything as it is."""
    monkeypatch.setattr(Console, "interactive", property(lambda _: True))
    monkeypatch.setattr(Console, "ask", lambda _, question: answer)
    done, _, err = call("apply", "toy.yaml")
    assert done == code
    assert "Plan: 4 to run." in err
    assert Path(".drdoctl/artifacts", artifact("data")).exists() is runs
    assert ("Nothing was executed." in err) is not runs


def test_json_is_the_journal_on_stdout(call):
    """With --json stdout holds the run's events and nothing else, each as the schema says; later runs too."""
    code, out, _ = call("apply", "toy.yaml", "-y", "--json")
    assert code == 0
    lines = [json.loads(line) for line in out.splitlines()]
    journal = next(Path(".drdoctl/runs").iterdir()) / "events.jsonl"
    assert lines == [json.loads(line) for line in journal.read_text().splitlines()]
    assert [line["id"] for line in lines if line["event"] == "stage_finished"] == STAGES
    lines += [json.loads(line) for line in call("apply", "toy.yaml", "--json")[1].splitlines()]
    validator = jsonschema.Draft202012Validator(schema())
    assert all(validator.is_valid(line) for line in lines)
    assert lines[-1]["event"] == "run_finished"


def test_quiet_prints_the_students_path_alone(call):
    """-q leaves only the key path on stdout, when something ran and when nothing had to."""
    path = f".drdoctl/artifacts/{artifact('align[dpo]')}\n"
    assert call("apply", "toy.yaml", "-y", "-q") == (0, path, "")
    assert call("apply", "toy.yaml", "-q") == (0, path, "")


def test_a_failure_names_the_stage_the_log_and_what_will_not_run(call, monkeypatch):
    """A failed stage shows its fault, the end of its log and its path, and the stages that rest on it; exit 1."""
    monkeypatch.setenv("FAKE_FAULT", "crash@2:sft")
    code, out, err = call("apply", "toy.yaml", "-y")
    assert (code, out) == (1, "")
    assert "error[stage-crashed]: RuntimeError: the numbers went wrong" in err
    assert "  | RuntimeError: the numbers went wrong" in err
    assert f"{artifact('sft')}.partial/log.txt" in err
    assert "Will not run because `sft` failed: logps, align[dpo]" in err
    assert "! sft         failed" in call("status", "toy.yaml")[1]
    monkeypatch.delenv("FAKE_FAULT")
    code, _, err = call("apply", "toy.yaml", "-y")
    assert code == 0
    assert "[1/3] sft: goes on from step 1 of 2" in err


def test_a_saved_plan_is_carried_out_without_asking(call):
    """`plan --out` and `apply FILE` do what was planned; the spec may be edited in between without effect."""
    assert call("plan", "toy.yaml", "--out", "plan.json")[0] == 0
    wanted = artifact("align[dpo]")
    Path("toy.yaml").write_text(SPEC.replace("beta: 0.1", "beta: 0.9"))
    code, out, err = call("apply", "plan.json")
    assert code == 0, err
    assert wanted in out
    code, out, _ = call("apply", "plan.json")
    assert (code, out) == (0, "No changes. All 4 artifacts match plan.json.\n")


def test_an_edited_or_stale_plan_is_refused(call):
    """A plan whose file was changed ends with 5, one whose data moved with 6, and neither starts anything."""
    call("plan", "toy.yaml", "--out", "plan.json")
    whole = Path("plan.json").read_text()
    Path("plan.json").write_text(whole.replace('"beta": 0.1', '"beta": 0.2', 1))
    assert call("apply", "plan.json")[0] == 5
    Path("plan.json").write_text(whole)
    with Path("pairs.jsonl").open("a") as file:
        file.write(json.dumps({"prompt": "a", "chosen": "b", "rejected": "a"}) + "\n")
    code, _, err = call("apply", "plan.json")
    assert code == 6
    assert "`data.source` has other content" in err
    assert not Path(".drdoctl").exists()


def test_a_held_store_is_refused(call):
    """While another apply holds the store, this one ends with 6 and says who."""
    store = Store(Path(".drdoctl"))
    store.prepare()
    with hold(store.root):
        code, _, err = call("apply", "toy.yaml", "-y")
    assert code == 6
    assert "error[store-held]" in err


def test_a_foreign_folder_is_no_store(call, folder):
    """A folder that holds other things is not used as a store, and nothing is written to it."""
    before = sorted(path.name for path in folder.iterdir())
    code, _, err = call("apply", "toy.yaml", "-y", "--store", ".")
    assert code == 1
    assert "error[store]" in err
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_report_follows_the_last_stage_even_after_a_kill_between(call, monkeypatch):
    """Tables and report come with the end of an apply; where the report is missing later, the next apply writes it."""
    Path("toy.yaml").write_text(SPEC + "evaluate: [pair-accuracy]\n")
    monkeypatch.setattr("drdoctl.report.collect.collect", lambda store, plan: {"selection": []})
    monkeypatch.setattr("drdoctl.report.summary.summary", lambda report, *_: "TABLES")
    monkeypatch.setattr("drdoctl.report.html.render", lambda report: "<html>")
    monkeypatch.setattr("drdoctl.report.html.write", lambda store, plan, path: write_atomic(path, "<html>"))
    code, out, _ = call("apply", "toy.yaml", "-y")
    assert code == 0
    assert out.splitlines()[0] == "TABLES"
    assert out.splitlines()[-1] == "report: .drdoctl/reports/toy.html"
    Path(".drdoctl/reports/toy.html").unlink()
    code, out, _ = call("apply", "toy.yaml")
    assert (code, out.splitlines()[-1]) == (0, "report: .drdoctl/reports/toy.html")
    assert Path(".drdoctl/reports/toy.html").read_text() == "<html>"


def test_a_server_that_cannot_be_started_is_said_before_anything_runs(call):
    """A program that is not installed, or a key that is not set, ends `apply` before the first stage."""
    quickstart = str(Path(__file__).parents[2] / "recipes" / "quickstart.yaml")
    server = "resources.server={command: 'no-such-server {model} {port}', key_env: NO_SUCH_KEY}"
    code, _, err = call("apply", quickstart, "-y", "--set", "sampler=server", "--set", server)
    assert code == 2, err
    assert "`no-such-server`, which is not installed" in err
    assert "`NO_SUCH_KEY`, which is not set" in err
    assert not Path(".drdoctl").exists()


def struck(number, back=None):
    """Return a function that gets a signal, works on for a minute, and would give `back`."""

    def work(*_, **__):
        os.kill(os.getpid(), number)
        time.sleep(60)
        return back

    return work


@pytest.mark.parametrize(("number", "code"), SIGNALS)
def test_a_signal_while_planning_gives_the_contracts_code(call, monkeypatch, number, code):
    """Before any stage is at work a signal ends the apply at once, with its code, and nothing was begun."""
    monkeypatch.setattr(apply, "_order", struck(number))
    ended, _, err = call("apply", "toy.yaml", "-y")
    assert ended == code
    assert ("goes on from there" in err) == (code != 130)
    assert not Path(".drdoctl").exists()


@pytest.mark.parametrize(("number", "code"), SIGNALS)
@pytest.mark.parametrize("where", ["before the stages", "at the report"])
def test_a_signal_between_times_leaves_a_journal_with_an_end(call, monkeypatch, number, code, where):
    """Between planning and the stages, and while the report is made, the journal is ended, too."""
    if where == "at the report":
        monkeypatch.setattr(engine, "execute", lambda *_: Outcome())
        monkeypatch.setattr(apply, "results", struck(number))
    else:
        monkeypatch.setattr(engine, "execute", struck(number))
    assert call("apply", "toy.yaml", "-y")[0] == code
    (folder,) = Path(".drdoctl/runs").iterdir()
    last = json.loads((folder / "events.jsonl").read_text().splitlines()[-1])
    assert (last["event"], last["exit_code"]) == ("run_finished", 0 if where == "at the report" else code)


@pytest.mark.parametrize("harm", ["gone", "cut"])
def test_an_artifact_whose_files_are_gone_is_made_again(call, harm):
    """A final result that was deleted or cut is no match: plan, status and apply say so, and only it is made again."""
    assert call("apply", "toy.yaml", "-y")[0] == 0
    (made,) = Path(".drdoctl/artifacts").glob("align-*")
    result = next(path for path in sorted(made.iterdir()) if path.name not in ("manifest.json", "log.txt"))
    before = result.read_bytes()
    result.unlink() if harm == "gone" else result.write_bytes(before[:-1])
    code, out, _ = call("plan", "toy.yaml", "--detailed-exitcode")
    assert (code, "damaged: `" in out, out.count("already there")) == (3, True, 3)
    assert "damaged: `" in call("status", "toy.yaml")[1]
    code, _, err = call("apply", "toy.yaml", "-y")
    assert (code, "was there, damaged, and was replaced" in err) == (0, True)
    assert result.read_bytes() == before
    assert call("plan", "toy.yaml", "--detailed-exitcode")[0] == 0


def test_verify_hashes_what_is_done(call):
    """With --verify an artifact of the right size and other content is exit 5, also where nothing is left to run."""
    assert call("apply", "toy.yaml", "-y")[0] == 0
    assert call("apply", "toy.yaml", "-y", "--verify")[0] == 0
    (made,) = Path(".drdoctl/artifacts").glob("align-*")
    result = next(path for path in sorted(made.iterdir()) if path.name not in ("manifest.json", "log.txt"))
    result.write_bytes(bytes([result.read_bytes()[0] ^ 1]) + result.read_bytes()[1:])
    code, _, err = call("apply", "toy.yaml", "-y", "--verify")
    assert (code, "has another sha256" in err) == (5, True)


def test_a_manifest_that_was_changed_is_named(call):
    """What vouches for an artifact was changed: the plan makes it again and says why, and `show` is exit 5."""
    assert call("apply", "toy.yaml", "-y")[0] == 0
    (made,) = Path(".drdoctl/artifacts").glob("align-*")
    path = made / "manifest.json"
    path.write_text(path.read_text().replace('"seconds": ', '"seconds": 9'))
    code, out, _ = call("plan", "toy.yaml", "--detailed-exitcode")
    assert (code, "damaged: `manifest.json` is not as it was written" in out) == (3, True)
    code, _, err = call("show", made.name)
    assert (code, "is not as it was written" in err) == (5, True)
    assert call("apply", "toy.yaml", "-y")[0] == 0
    assert call("show", made.name)[0] == 0
