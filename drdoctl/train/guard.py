"""Runs a program that must not outlive its owner: `python -m drdoctl.train.guard PROGRAM ARGUMENT...`.

The owner holds the other end of our stdin. When it closes it, or dies in whatever way, the program and all that it
started get SIGTERM, and SIGKILL after a while. We lead a session of our own, so that no signal meant for the owner's
group reaches the program first.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

from drdoctl.train.pages import reset

GRACE_SECONDS = 10.0
NOT_STARTED = 127


def main(argv: Sequence[str]) -> int:
    """Run the program and return its exit code; once stdin closes, end the whole group, ourselves included."""
    reset()  # the stage's choice of pages is not the program's
    try:
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL)  # noqa: S603  # the user's own program
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        return NOT_STARTED
    # after the start: the program must not inherit a signal that is ignored
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    alone = threading.Event()
    follower = threading.Thread(target=_follow_owner, args=(child, alone), daemon=True)
    follower.start()
    code = child.wait()
    if alone.is_set():
        follower.join()
    os.killpg(0, signal.SIGTERM)  # what a program that died has left
    return code if code >= 0 else 128 - code


def _follow_owner(child: subprocess.Popen[bytes], alone: threading.Event) -> None:
    os.read(sys.stdin.fileno(), 1)
    alone.set()
    os.killpg(0, signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    finally:
        os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
