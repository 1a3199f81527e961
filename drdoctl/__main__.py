"""`python -m drdoctl` is `drdoctl`. Both start here, where next to nothing is loaded yet."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line. Ctrl-C exits with 130 and shows no traceback, while Python still loads the verbs too."""
    try:
        from drdoctl.cli import main as command_line

        command_line()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
