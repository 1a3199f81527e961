"""Measurements against the best peers and against the floor, each pair in one run: `python -m benchmarks --help`."""
