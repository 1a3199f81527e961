"""A worker whose training steps take a while, so that a test can strike between two of them."""

import time

from drdoctl.engine import worker
from drdoctl.train import loop

STEP_SECONDS = 0.4

if __name__ == "__main__":
    usual = loop.Trainer._one_step

    def slow(trainer):
        """Take a step, later."""
        time.sleep(STEP_SECONDS)
        return usual(trainer)

    loop.Trainer._one_step = slow
    worker.end(worker.main())
