"""Lets the tests of charts share their reader."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
