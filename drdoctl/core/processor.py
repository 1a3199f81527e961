"""What the processor can do that libraries do not find out by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
INTEL = "GenuineIntel"
NEEDED = {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
PINNED = "MKL_CBWR"
"""MKL's own variable, by which whoever wants the same bits on every machine holds it to certain kernels."""
OURS = {
    "OPENBLAS_CORETYPE": "SkylakeX",  # its kernels in AVX-512
    # it would use as many threads as there are cores at import, whatever the spec says, and they wait by spinning:
    # beside other work two of them take ten times as long as one. `train.products` shares the work out itself
    "OPENBLAS_NUM_THREADS": "1",
}
KEPT = "DRDOCTL_KEPT_"
"""Before a variable's name: what the user had set it to."""


def blas(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what gives numpy's OpenBLAS its kernels in AVX-512, where the processor has it and MKL does not use it.

    MKL, by which torch computes, takes AVX2 on processors that are not Intel's; there `train.products` goes to
    OpenBLAS. That was built for numpy without the kernels of some of them, and would take AVX2, too. {} elsewhere, and
    where the user holds MKL to kernels of their choice. What the user has set is overruled, for it is of all of numpy's
    products or none, but kept.
    """
    try:
        told = CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    flags = next((set(line.split()) for line in told if line.startswith("flags")), set())
    intel = any(INTEL in line for line in told if line.startswith("vendor_id"))
    if intel or not flags >= NEEDED or PINNED in environment:
        return {}
    overruled = {name for name, value in OURS.items() if environment.get(name, value) != value}
    return {**OURS, **{KEPT + name: environment[name] for name in overruled}}


def has_wide(environment: Mapping[str, str]) -> bool:
    """Whether this is the environment of a process that was given these kernels."""
    return bool(blas(environment)) and OURS.items() <= environment.items()


def without_blas(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment as the user had it, for a program of theirs."""
    if not has_wide(environment):
        return dict(environment)
    kept = {name.removeprefix(KEPT): value for name, value in environment.items() if name.startswith(KEPT)}
    rest = {name: value for name, value in environment.items() if name not in OURS and not name.startswith(KEPT)}
    return {**rest, **kept}
