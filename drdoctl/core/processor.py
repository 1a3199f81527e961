"""What the processor can do that libraries do not find out by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INTEL = "GenuineIntel"
NEEDED = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
PINNED = "MKL_CBWR"
"""MKL's own variable, by which whoever wants the same bits on every machine holds it to certain kernels."""
CORE = "OPENBLAS_CORETYPE"
WIDE = "SkylakeX"
"""OpenBLAS's kernels in AVX-512."""
SLEEP = "4"
"""OpenBLAS's threads spin for 2^4 cycles before they sleep, in place of 2^26, which takes cores from torch's."""


def blas(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what gives numpy's OpenBLAS its kernels in AVX-512, where the processor has it and MKL does not use it.

    MKL, by which torch computes, takes AVX2 on processors that are not Intel's; there `train.products` goes to
    OpenBLAS. That was built for numpy without the kernels of some of them, and would take AVX2, too. {} elsewhere, and
    where the user holds MKL to kernels of their choice.
    """
    try:
        told = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    flags = next((set(line.split()) for line in told if line.startswith("flags")), set())
    intel = any(INTEL in line for line in told if line.startswith("vendor_id"))
    if intel or not flags >= NEEDED or PINNED in environment:
        return {}
    return {CORE: WIDE, "OPENBLAS_THREAD_TIMEOUT": SLEEP}


def has_wide(environment: Mapping[str, str]) -> bool:
    """Whether an environment asks OpenBLAS for these kernels."""
    return environment.get(CORE) == WIDE
