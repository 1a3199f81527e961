"""How glibc's allocator is set in stages that train and score; what a stage starts for the user gets none of it."""

from __future__ import annotations

from collections.abc import Mapping

ALLOCATOR = {
    # activations come back in every step, so what was freed is kept instead of being mapped and zeroed again: 6 to 8 %
    # less processor time in a small model, 4 to 6 % in a large one, at the same peak (experiments/memory-allocator.md)
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(64 << 30),
    # in pages of 2 MiB where the kernel has them: a seventh of the page faults, 0.06 s of a stage's first step; a large
    # model asks for none (`train.pages`)
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
}
"""Environment of a stage's process, but for what the user has set."""


def without_allocator(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what we set of it; what the user set otherwise stays."""
    return {name: value for name, value in environment.items() if ALLOCATOR.get(name) != value}
