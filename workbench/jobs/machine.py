"""What this machine has: memory, disk, GPU. Works inside containers and where NVML answers N/A.

Memory comes from /proc/meminfo, because on machines whose GPU shares the main memory (DGX Spark) NVML reports
none and CUDA's own figure leaves out the page cache. The limit of a control group (containers, systemd) wins
where it is lower.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

logger = logging.getLogger(__name__)

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
# version 1 says "no limit" with the largest multiple of the page size
_NO_LIMIT = 1 << 60
_GPU_QUERY = "name,utilization.gpu,memory.used,memory.total,temperature.gpu"
GIB = 1 << 30


class Memory(NamedTuple):
    """Bytes."""

    total: int
    available: int
    """What can be taken without swapping; the page cache counts as available."""
    swap_free: int


class _GroupNames(NamedTuple):
    limit: str
    used: str
    prefix: str
    """Before the fields of `memory.stat` that count sub-groups too."""


class Gpu(NamedTuple):
    """The first GPU; None for what the driver does not report."""

    name: str
    utilisation: float | None
    """Per cent."""
    memory_used: int | None
    memory_total: int | None
    """Bytes; None where the GPU uses the machine's main memory."""
    temperature: float | None
    """Degrees Celsius."""


@dataclass(frozen=True)
class MachineState:
    """One look at the machine; all sizes in bytes."""

    memory_total: int
    memory_available: int
    swap_free: int
    cpu_count: int
    load: float
    """Processes that ran or waited for a CPU, averaged over the last minute."""
    disk_total: int
    disk_free: int
    gpu_name: str | None = None
    gpu_utilisation: float | None = None
    gpu_memory_used: int | None = None
    gpu_memory_total: int | None = None
    gpu_temperature: float | None = None

    @property
    def memory_used(self) -> int:
        return self.memory_total - self.memory_available


def read_memory(proc: Path = PROC, cgroup: Path = CGROUP) -> Memory:
    """Memory of the machine, or of the control group that this process is confined to."""
    facts = _read_meminfo(proc / "meminfo")
    total = facts.get("MemTotal", 0)
    available = facts.get("MemAvailable", facts.get("MemFree", 0))
    for limit, used in _group_limits(proc / "self" / "cgroup", cgroup):
        if limit < facts.get("MemTotal", limit):
            total = min(total, limit)
            available = min(available, max(0, limit - used))
    return Memory(total, available, facts.get("SwapFree", 0))


def _read_meminfo(path: Path) -> dict[str, int]:
    facts: dict[str, int] = {}
    for line in path.read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        facts[name] = int(rest.split()[0]) * 1024
    return facts


def _group_limits(own: Path, cgroup: Path) -> Iterator[tuple[int, int]]:
    """Limit and use in bytes of each control group from ours up to the root."""
    try:
        lines = own.read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            base, names = cgroup, _GroupNames("memory.max", "memory.current", "")
        elif "memory" in controllers.split(","):
            base = cgroup / "memory"
            names = _GroupNames("memory.limit_in_bytes", "memory.usage_in_bytes", "total_")
        else:
            continue
        place = base / path.lstrip("/")
        # inside a container the path may be the host's, of which only the root is mounted here
        for folder in [place, *place.parents] if place.is_dir() else [base]:
            if not folder.is_relative_to(base):
                break
            limit = _read_number(folder / names.limit)
            used = _read_number(folder / names.used)
            if limit is not None and used is not None and limit < _NO_LIMIT:
                yield limit, used - _page_cache(folder / "memory.stat", names.prefix)


def _read_number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):  # absent, or the word "max"
        return None


def _page_cache(stat_file: Path, prefix: str) -> int:
    """Bytes of cached files, which count as used but are given back on demand."""
    try:
        lines = stat_file.read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    wanted = (f"{prefix}inactive_file", f"{prefix}active_file")
    return sum(int(line.split()[1]) for line in lines if line.split()[0] in wanted)


def parse_gpu(text: str) -> Gpu | None:
    """The first line of nvidia-smi's CSV; `[N/A]` and `[Not Supported]` become None."""
    parts = [part.strip() for part in text.strip().split("\n")[0].split(",")]
    if len(parts) != 5 or not parts[0]:
        return None
    used, total = _number(parts[2]), _number(parts[3])
    mib = 1 << 20
    return Gpu(
        name=parts[0],
        utilisation=_number(parts[1]),
        memory_used=None if used is None else int(used * mib),
        memory_total=None if total is None else int(total * mib),
        temperature=_number(parts[4]),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def read_gpu(program: str = "nvidia-smi", timeout: float = 3.0) -> Gpu | None:
    """The first GPU as the driver's own program reports it, or None where there is none."""
    found = shutil.which(program)
    if found is None:
        return None
    command = [found, f"--query-gpu={_GPU_QUERY}", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=True,
            encoding="utf-8",
        )
    except (OSError, subprocess.SubprocessError) as exc:
        logger.debug("no answer from %s: %s", program, exc)
        return None
    return parse_gpu(done.stdout)


def read_machine(disk: Path | None = None, *, proc: Path = PROC, cgroup: Path = CGROUP) -> MachineState:
    """Look at the machine. Asking the GPU's driver takes some tens of milliseconds.

    Args:
        disk: A folder whose file system is meant; default is the root.
        proc: Where the kernel shows processes.
        cgroup: Where the kernel shows control groups.
    """
    memory = read_memory(proc, cgroup)
    usage = shutil.disk_usage(disk or Path("/"))
    gpu = read_gpu()
    return MachineState(
        memory_total=memory.total,
        memory_available=memory.available,
        swap_free=memory.swap_free,
        cpu_count=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        disk_total=usage.total,
        disk_free=usage.free,
        gpu_name=gpu.name if gpu else None,
        gpu_utilisation=gpu.utilisation if gpu else None,
        gpu_memory_used=gpu.memory_used if gpu else None,
        gpu_memory_total=gpu.memory_total if gpu else None,
        gpu_temperature=gpu.temperature if gpu else None,
    )
