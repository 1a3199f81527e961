"""Run the zoo's tests with other versions of the Hub's client, each with and without hf_xet: `make test-clients`.

`python tools/clients.py [VERSION ...] [--work DIR] [--out FILE]`. Each version gets an environment of its own, with
what the zoo needs and no torch. A line for each cell goes to the output.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("1.3.2", "1.33.0", "2.4.0")
"""The oldest that is supported, the last of its major version, and the newest."""
HEAVY = ("torch", "transformers", "datasets", "deepspeed", "peft", "huggingface-hub")
"""What the zoo does without, and what is pinned here instead."""
TESTS = ("pytest", "hypothesis")
NAME = re.compile(r"[A-Za-z0-9._-]+")


def main() -> int:
    """Try each version. Returns 1 where a test failed."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("versions", nargs="*", default=VERSIONS, help=f"default: {' '.join(VERSIONS)}")
    made.add_argument("--work", type=Path, default=ROOT / "build" / "clients", help="folder of the environments")
    made.add_argument("--out", type=Path, help="file for the lines")
    asked = made.parse_args()
    lines, failed = [], False
    for version in asked.versions:
        python = environment(asked.work / version, version)
        for xet in (True, False):
            code, line = cell(python, xet=xet)
            failed |= code != 0
            lines.append(line)
            print(line, flush=True)  # noqa: T201
    if asked.out:
        asked.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return int(failed)


def environment(folder: Path, version: str) -> Path:
    """Return the interpreter of an environment with a version of the client."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)  # noqa: S603
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    light = [one for one in wanted if _name(one) not in HEAVY]
    _pip(python, "install", f"huggingface-hub=={version}", *light, *TESTS)
    _pip(python, "install", "--no-deps", "--editable", str(ROOT))
    return python


def cell(python: Path, *, xet: bool) -> tuple[int, str]:
    """Run the tests with or without hf_xet; return the exit code and a line that says what came of it."""
    if xet:
        _pip(python, "install", "hf-xet")
    else:
        _pip(python, "uninstall", "--yes", "hf-xet")
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/zoo"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        print(done.stdout[-8000:], done.stderr[-2000:], sep="\n", file=sys.stderr)  # noqa: T201
    said = (done.stdout.strip().splitlines() or ["nothing"])[-1].strip("= ")
    return done.returncode, f"{_versions(python)}: {said}"


def _versions(python: Path) -> str:
    code = (
        "import importlib.metadata as m\n"
        "def v(n):\n"
        "    try: return m.version(n)\n"
        "    except m.PackageNotFoundError: return 'none'\n"
        "print(f\"huggingface_hub {v('huggingface_hub')}, hf_xet {v('hf_xet')}\")"
    )
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def _pip(python: Path, *arguments: str) -> None:
    subprocess.run([str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments], check=True)  # noqa: S603


def _name(requirement: str) -> str:
    match = NAME.match(requirement)
    return match[0].lower() if match else requirement


if __name__ == "__main__":
    sys.exit(main())
