"""What all tests share: golden files that `--update-golden` rewrites, and the real data beside the checkout."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]
settings.register_profile("drdoctl", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("drdoctl")
os.environ["DRDOCTL_CONFIG"] = ""  # whoever runs the tests may have settings of their own
# a shell starts what runs in its background deaf to Ctrl-C, `nohup` deaf to the terminal's end, and what tests start
# would inherit that
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_addoption(parser):
    """Add `--update-golden`."""
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files in place of comparing")


@pytest.fixture
def golden(request):
    """Return `compare(path, text)`: the text must be the golden file's, or becomes it with `--update-golden`."""

    def compare(path, text):
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            return
        assert path.is_file(), f"no golden file {path}: run pytest with --update-golden and look at what it writes"
        assert text == path.read_text(encoding="utf-8"), f"differs from {path}"

    return compare


@pytest.fixture(scope="session")
def shared_folder():
    """Return the folder of real data and models beside the checkout; skip where there is none."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("no shared data beside the checkout")
    return folder


@pytest.fixture(scope="session")
def root():
    """Return the top of the checkout."""
    return ROOT
