"""How the engine's tests wait for other processes."""

import time


def wait_until(ready, seconds=30):
    """Return what `ready` gives once that is true."""
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
