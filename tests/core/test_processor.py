"""OpenBLAS is asked for AVX-512 where the processor has it and MKL would not use it, and nowhere else."""

import pytest

from drdoctl.core import processor

WIDE = "fpu sse2 avx2 avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.fixture
def told(monkeypatch, tmp_path):
    """Write what the kernel tells of the processor."""
    file = tmp_path / "cpuinfo"
    monkeypatch.setattr(processor, "CPUINFO", file)

    def write(vendor, flags):
        file.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\nflags\t\t: {flags}\n\n" * 2, encoding="utf-8")

    return write


OURS = {"OPENBLAS_CORETYPE": "SkylakeX", "OPENBLAS_NUM_THREADS": "1"}


def test_amd_with_avx512(told):
    """There OpenBLAS gets kernels of its own, and one thread."""
    told("AuthenticAMD", WIDE)
    assert processor.blas({}) == OURS
    assert processor.has_wide({**OURS, "PATH": "/bin"})
    assert not processor.has_wide({"OPENBLAS_CORETYPE": "SkylakeX"})


def test_what_the_user_has_set_is_kept_for_their_programs(told):
    """A stage overrules it; what a stage starts for the user has it again, also after a second look."""
    told("AuthenticAMD", WIDE)
    users = {"OPENBLAS_CORETYPE": "Haswell", "OPENBLAS_L2_SIZE": "512", "PATH": "/bin"}
    stages = {**users, **processor.blas(users)}
    assert stages.items() >= OURS.items()
    again = {**stages, **processor.blas(stages)}
    assert again == stages
    assert processor.without_blas(again) == users
    assert processor.without_blas(users) == users


@pytest.mark.parametrize(
    ("vendor", "flags"),
    [("GenuineIntel", WIDE), ("AuthenticAMD", "fpu sse2 avx2"), ("AuthenticAMD", WIDE.replace("avx512vl", ""))],
)
def test_others(told, vendor, flags):
    """Intel's, for which MKL has kernels, and processors that lack a part of AVX-512, are left alone."""
    told(vendor, flags)
    assert processor.blas({}) == {}
    assert not processor.has_wide(OURS)


def test_a_user_who_holds_mkl_to_certain_kernels(told):
    """Whoever wants the same bits everywhere keeps them."""
    told("AuthenticAMD", WIDE)
    assert processor.blas({"MKL_CBWR": "COMPATIBLE"}) == {}
    assert not processor.has_wide({**OURS, "MKL_CBWR": "COMPATIBLE"})


def test_without_cpuinfo(monkeypatch, tmp_path):
    """Not Linux: nothing is known, nothing is set."""
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "none")
    assert processor.blas({}) == {}
    assert not processor.has_wide({})
