"""What every process of ours does while it loads: no collecting, and nothing that is not needed yet."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.startup import LATER_THRESHOLDS, collection_paused, later


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    assert gc.isenabled()
    yield
    gc.enable()


def test_nothing_is_collected_meanwhile_and_what_is_there_is_left_alone_afterwards() -> None:
    kept: list[list[int]] = [[] for _ in range(1000)]
    frozen = gc.get_freeze_count()
    with collection_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() >= frozen + len(kept)
    assert gc.get_threshold() == LATER_THRESHOLDS


def test_an_error_ends_the_pause() -> None:
    with pytest.raises(ValueError, match="broken"), collection_paused():
        raise ValueError("broken")
    assert gc.isenabled()


def test_the_outer_pause_lasts_as_long_as_it_says() -> None:
    with collection_paused():
        with collection_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_a_later_module_is_imported_when_something_of_it_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "heavy_one.py").write_text("value = [1]\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    heavy = later("heavy_one")
    assert "heavy_one" not in sys.modules
    try:
        assert heavy.value is sys.modules["heavy_one"].value
        with pytest.raises(AttributeError, match="nothing"):
            _ = heavy.nothing
    finally:
        sys.modules.pop("heavy_one", None)


def test_a_later_module_that_is_missing_says_so_by_its_name() -> None:
    missing = later("no_such_module_here")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_here"):
        _ = missing.value
