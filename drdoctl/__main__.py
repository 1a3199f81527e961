"""`python -m drdoctl` is `drdoctl`."""

from __future__ import annotations

from drdoctl.cli import main

if __name__ == "__main__":
    main()
