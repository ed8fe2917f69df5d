"""Faults planted by hand (`tests/planted_faults.py`) still apply, and each names tests that exist."""

from collections import Counter
from pathlib import Path

from planted_faults import ROOT, Fault, planted


def test_every_fault_can_be_planted() -> None:
    for fault in planted():
        assert fault.text != (ROOT / fault.module).read_text(encoding="utf-8")
        compile(fault.text, fault.module, "exec")
        assert [name for name in fault.tests if name.endswith(".py") and (ROOT / name).is_file()]


def test_every_area_has_enough_of_them() -> None:
    counts = Counter(fault.area for fault in planted())
    assert set(counts) == {"judges", "order algebra", "papers", "figures", "engines"}
    assert min(counts.values()) >= 10


def test_a_fault_that_nobody_looks_for_is_not_noticed(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_nothing.py").write_text("def test_it(): pass\n")
    (tmp_path / "common").mkdir()
    module = tmp_path / "common" / "checksum.py"
    original = (ROOT / "common" / "checksum.py").read_text()
    module.write_text(original)
    harmless = Fault("none", "common/checksum.py", 'KEY = "sha256"', 'KEY = "sha"', ("tests/test_nothing.py",))
    assert not harmless.is_noticed(tmp_path)
    (tmp_path / "tests" / "test_nothing.py").write_text("def test_it(): assert False\n")
    assert harmless.is_noticed(tmp_path)
    assert module.read_text() == original
