"""What processes took: measured by the kernel, kept a file a process."""

from __future__ import annotations

import json
import subprocess
import sys
from types import SimpleNamespace

from drdoctl.core.usage import USAGE, note, peak_gib, taken

PEAK = """
import sys
from drdoctl.core.usage import peak_gib
held = bytearray(int(sys.argv[1]) << 20)
del held
print(peak_gib())
"""


def test_the_peak_counts_what_was_freed():
    """A process that held 200 MiB more has a peak of 200 MiB more, though it gave them back."""
    few, many = (
        float(
            subprocess.run([sys.executable, "-c", PEAK, str(size)], capture_output=True, text=True, check=True).stdout
        )
        for size in (1, 201)
    )
    assert 190 < (many - few) * 1024 < 215


def test_processes_and_attempts_are_put_together(tmp_path, monkeypatch):
    """Peaks are the largest of all processes and attempts, processor seconds their sum; no file, no figures."""
    assert taken(tmp_path) == {}
    job = SimpleNamespace(out=str(tmp_path))
    monkeypatch.setenv("RANK", "1")
    note(job)
    (tmp_path / USAGE / "0.json").write_text(json.dumps({"peak_gib": 99.0, "device_peak_gib": 0, "cpu_seconds": 5.0}))
    monkeypatch.setenv("RANK", "0")
    note(job)
    found = taken(tmp_path)
    assert found["peak_gib"] == 99.0
    assert found["cpu_seconds"] > 5.0
    assert "device_peak_gib" not in found
    assert json.loads((tmp_path / USAGE / "1.json").read_text())["peak_gib"] >= peak_gib() - 0.1


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path):
    """Measuring never fails a stage."""
    (tmp_path / USAGE).write_text("in the way")
    note(SimpleNamespace(out=str(tmp_path)))
