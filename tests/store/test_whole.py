"""Whether an artifact's files are there, by their sizes."""

from __future__ import annotations

from drdoctl.store.whole import lacks

MANIFEST = {"files": {"a.bin": {"sha256": "0" * 64, "size": 3}, "sub/b.bin": {"sha256": "0" * 64, "size": 1}}}


def test_what_is_missing_or_cut_is_named(tmp_path):
    """Whole, cut and gone: the first fault is told, and how many more there are. Content is not read."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.bin").write_bytes(b"abc")
    (tmp_path / "sub" / "b.bin").write_bytes(b"x")
    assert lacks(tmp_path, MANIFEST) is None
    (tmp_path / "a.bin").write_bytes(b"xyz")
    assert lacks(tmp_path, MANIFEST) is None
    (tmp_path / "a.bin").write_bytes(b"ab")
    assert lacks(tmp_path, MANIFEST) == "`a.bin` has 2 bytes in place of 3"
    (tmp_path / "sub" / "b.bin").unlink()
    assert lacks(tmp_path, MANIFEST) == "`a.bin` has 2 bytes in place of 3, and 1 more"
    (tmp_path / "a.bin").unlink()
    assert lacks(tmp_path, MANIFEST) == "`a.bin` is missing, and 1 more"
