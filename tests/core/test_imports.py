import gc
import sys

import pytest

from drdoctl.core.imports import import_all


@pytest.fixture
def thawed():
    """Give back to the collector, afterwards, what the test took out of it."""
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_modules_are_imported_with_the_collector_off(tmp_path, monkeypatch):
    """It is on again afterwards, also where a module cannot be imported, and stays off where it was off."""
    (tmp_path / "made_here_one.py").write_text("import gc\nwas = gc.isenabled()\n")
    (tmp_path / "made_here_two.py").write_text("raise ImportError('no')\n")
    monkeypatch.syspath_prepend(tmp_path)
    frozen = gc.get_freeze_count()
    import_all(["made_here_one"])
    assert sys.modules["made_here_one"].was is False
    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen
    with pytest.raises(ImportError, match="no"):
        import_all(["made_here_two"])
    assert gc.isenabled()
    gc.disable()
    try:
        import_all(["made_here_one"])
        assert not gc.isenabled()
    finally:
        gc.enable()
