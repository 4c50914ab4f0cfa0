from __future__ import annotations

from pathlib import Path

import pytest

from workbench.jobs.machine import GIB, parse_gpu, read_gpu, read_machine, read_memory

MEMINFO = "MemTotal: 16777216 kB\nMemFree: 1048576 kB\nMemAvailable: 8388608 kB\nSwapFree: 1024 kB\n"


def _proc(tmp_path: Path, groups: str) -> Path:
    proc = tmp_path / "proc"
    (proc / "self").mkdir(parents=True)
    (proc / "meminfo").write_text(MEMINFO)
    (proc / "self" / "cgroup").write_text(groups)
    return proc


def _group(folder: Path, limit: str, used: int, cached: int, version: int = 2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    v2 = version == 2
    (folder / ("memory.max" if v2 else "memory.limit_in_bytes")).write_text(f"{limit}\n")
    (folder / ("memory.current" if v2 else "memory.usage_in_bytes")).write_text(f"{used}\n")
    prefix = "" if v2 else "total_"
    stat = f"anon 1\n{prefix}inactive_file {cached // 2}\n{prefix}active_file {cached // 2}\n"
    (folder / "memory.stat").write_text(stat)


def test_without_a_control_group_the_machine_counts(tmp_path: Path) -> None:
    memory = read_memory(_proc(tmp_path, "0::/\n"), tmp_path / "cgroup")
    assert memory.total == 16 * GIB
    assert memory.available == 8 * GIB
    assert memory.swap_free == 1 << 20


def test_the_limit_of_a_container_wins_and_its_page_cache_is_available(tmp_path: Path) -> None:
    _group(tmp_path / "cgroup", str(4 * GIB), 3 * GIB, 2 * GIB)
    memory = read_memory(_proc(tmp_path, "0::/\n"), tmp_path / "cgroup")
    assert memory.total == 4 * GIB
    assert memory.available == 3 * GIB


def test_the_lowest_limit_on_the_way_up_wins(tmp_path: Path) -> None:
    _group(tmp_path / "cgroup" / "a", str(6 * GIB), 5 * GIB, 0)
    _group(tmp_path / "cgroup" / "a" / "b", "max", 1 * GIB, 0)
    memory = read_memory(_proc(tmp_path, "0::/a/b\n"), tmp_path / "cgroup")
    assert memory.total == 6 * GIB
    assert memory.available == 1 * GIB


def test_version_one_of_control_groups_is_read_too(tmp_path: Path) -> None:
    _group(tmp_path / "cgroup" / "memory" / "job", str(2 * GIB), GIB, 0, version=1)
    memory = read_memory(_proc(tmp_path, "5:cpu:/\n4:memory:/job\n0::/\n"), tmp_path / "cgroup")
    assert memory.total == 2 * GIB
    assert memory.available == GIB


def test_no_limit_in_version_one_is_a_huge_number(tmp_path: Path) -> None:
    _group(tmp_path / "cgroup" / "memory", "9223372036854771712", GIB, 0, version=1)
    memory = read_memory(_proc(tmp_path, "4:memory:/not/mounted/here\n"), tmp_path / "cgroup")
    assert memory.total == 16 * GIB
    assert memory.available == 8 * GIB


def test_a_group_that_used_up_its_limit_has_nothing_left(tmp_path: Path) -> None:
    _group(tmp_path / "cgroup", str(GIB), 2 * GIB, 0)
    assert read_memory(_proc(tmp_path, "0::/\n"), tmp_path / "cgroup").available == 0


def test_a_gpu_that_reports_no_memory_is_shown_without_it() -> None:
    gpu = parse_gpu("NVIDIA GB10, 94, [N/A], [N/A], 61\n")
    assert gpu is not None
    assert (gpu.name, gpu.utilisation, gpu.temperature) == ("NVIDIA GB10", 94.0, 61.0)
    assert gpu.memory_used is None
    assert gpu.memory_total is None


def test_a_gpu_with_its_own_memory_reports_bytes() -> None:
    gpu = parse_gpu("NVIDIA H200, 0, 512, 143771, [Not Supported]\nNVIDIA H200, 0, 0, 143771, 30\n")
    assert gpu is not None
    assert gpu.memory_used == 512 << 20
    assert gpu.memory_total == 143771 << 20
    assert gpu.temperature is None


@pytest.mark.parametrize("text", ["", "\n", "No devices were found\n", "NVIDIA-SMI has failed, because"])
def test_whatever_else_the_driver_says_means_no_gpu(text: str) -> None:
    assert parse_gpu(text) is None


def test_a_driver_program_that_fails_or_hangs_means_no_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_gpu("no-such-program-anywhere") is None
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name, body in (("failing", "exit 9"), ("hanging", "exec sleep 30")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        assert read_gpu(name, timeout=0.2) is None


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    state = read_machine(tmp_path)
    assert 0 < state.memory_available <= state.memory_total
    assert 0 < state.disk_free <= state.disk_total
    assert state.memory_used == state.memory_total - state.memory_available
    assert state.cpu_count >= 1
