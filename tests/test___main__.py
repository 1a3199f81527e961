"""`python -m drdoctl` is `drdoctl`."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from drdoctl import __version__

INTERRUPTED = """
import sys

interrupted = sys.argv.pop()

class CtrlC:
    def find_spec(self, name, *_):
        if name == interrupted:
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
from drdoctl.__main__ import main
sys.argv += ["schema", "spec"]
main()
"""


def test_the_module_runs_the_command_line():
    """It prints the version in one line and exits with 0."""
    done = subprocess.run([sys.executable, "-m", "drdoctl", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"drdoctl {__version__}\n", "")


@pytest.mark.parametrize("module", ["drdoctl.cli", "click", "drdoctl.cli.console", "drdoctl.cli.schema"])
def test_ctrl_c_while_it_loads(module):
    """From its first import on it exits with 130 and says nothing."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, module], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_the_installed_command_starts_here():
    """The command of the wheel and `python -m drdoctl` are one."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"] == {"drdoctl": "drdoctl.__main__:main"}
