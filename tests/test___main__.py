"""`python -m drdoctl` is `drdoctl`."""

from __future__ import annotations

import subprocess
import sys

from drdoctl import __version__


def test_the_module_runs_the_command_line():
    """It prints the version in one line and exits with 0."""
    done = subprocess.run([sys.executable, "-m", "drdoctl", "--version"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"drdoctl {__version__}\n", "")
