"""Gives the tests of findings made-up stages: a log from a start to an end, settings, files."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
