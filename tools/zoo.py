"""Make what ships in `zoo/shipped` anew: the quickstart's oracle, trained and published, and pairs to try it on.

The oracle is the artifact that `recipes/quickstart.yaml` makes for anybody: whoever pulls it has that stage of the
recipe done. Training it again on another machine may end in other bits: that is another revision, and `TAG` goes up.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from drdoctl.data.notes import Notes

ROOT = Path(__file__).resolve().parents[1]
RECIPE = "recipes/quickstart.yaml"
NAME, TAG, LICENCE = "zoo/oracle-notes", "v1", "apache-2.0"
STORE = "build/zoo"
EXAMPLE = ROOT / "zoo" / "examples" / "notes-pairs.jsonl"
SEED, PAIRS = 7, 32
"""Another world than the recipe's (seed 42): the oracle saw none of these pairs, nor was it measured on them."""


def drdoctl(*arguments: str) -> str:
    """Run drdoctl in the checkout, offline, and return what it prints. Raises CalledProcessError."""
    command = [sys.executable, "-m", "drdoctl", *arguments, "--store", STORE, "--offline"]
    # whoever runs this may have a zoo and settings of their own
    plain = {key: value for key, value in os.environ.items() if key not in ("DRDOCTL_ZOO", "DRDOCTL_STORE")}
    env = {**plain, "DRDOCTL_CONFIG": ""}
    return subprocess.run(command, cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE, text=True).stdout  # noqa: S603


def main() -> None:
    """Train, publish, and write the pairs."""
    drdoctl("apply", RECIPE, "--auto-approve")
    stages = json.loads(drdoctl("plan", RECIPE, "--json"))["stages"]
    artifact = next(stage["artifact"] for stage in stages if stage["id"] == "oracle")
    shutil.rmtree(ROOT / "zoo" / "shipped", ignore_errors=True)
    drdoctl("push", artifact, NAME, "--tag", TAG, "--license", LICENCE, "--zoo", "zoo/shipped")
    EXAMPLE.parent.mkdir(exist_ok=True)
    EXAMPLE.write_text(example(), encoding="utf-8")
    sys.stdout.write(drdoctl("show", NAME, "--zoo", "shipped:"))


def example() -> str:
    """Return pairs of the generated world as JSON lines."""
    rows = Notes(eval=PAIRS).with_seed(SEED).read("eval", {})
    keys = ("id", "prompt", "chosen", "rejected")
    return "".join(json.dumps({key: getattr(row, key) for key in keys}) + "\n" for row in rows)


if __name__ == "__main__":
    main()
