"""What must be set before torch and the hub's library are imported: threads, offline mode, quiet logs."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from workbench.artifacts import read_json, write_json_atomic

logger = logging.getLogger(__name__)

THREADS_FILE = "threads.json"
# beyond this many, threads of a small model spend their time waiting for each other
MAX_THREADS = 16

# the training process reads local files only; nothing in it has business with a hub
_SETTINGS = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
    # OpenMP threads that wait must not spin: on a busy machine that made training 12 times slower
    "OMP_WAIT_POLICY": "PASSIVE",
}


def choose_threads(environ: Mapping[str, str], cpus: int, load: float) -> int:
    """How many CPU threads to compute with.

    Args:
        environ: `OMP_NUM_THREADS` wins.
        cpus: CPUs that this process may use.
        load: Processes that want a CPU already.

    Returns:
        At least 1; CPUs that others keep busy are left to them, because threads that wait for each other on
        a busy machine are slower than fewer threads.
    """
    given = environ.get("OMP_NUM_THREADS", "")
    if given.isdigit() and int(given) > 0:
        return int(given)
    return max(1, min(cpus, MAX_THREADS, round(cpus - load)))


def fix_threads(work_dir: Path, wanted: int) -> int:
    """The number of threads of a run's first start, which every resumed start keeps.

    Sums are added up in another order with another number of threads, and the last digits of the loss would
    differ.
    """
    path = work_dir / THREADS_FILE
    if path.exists():
        return int(read_json(path)["threads"])
    write_json_atomic(path, {"threads": wanted})
    return wanted


def prepare_environment(environ: MutableMapping[str, str], work_dir: Path) -> int:
    """Set the environment of a training process; call it before anything imports torch.

    Args:
        environ: Usually `os.environ`; what a person has set is kept, except for the offline mode.
        work_dir: The run's own folder.

    Returns:
        The number of threads.
    """
    cpus = len(os.sched_getaffinity(0))
    threads = fix_threads(work_dir, choose_threads(environ, cpus, os.getloadavg()[0]))
    for name, value in _SETTINGS.items():
        environ.setdefault(name, value)
    environ["HF_HUB_OFFLINE"] = "1"
    environ["OMP_NUM_THREADS"] = str(threads)
    environ.setdefault("HF_DATASETS_CACHE", str(work_dir / "datasets-cache"))
    logger.info("training with %d threads on %d CPUs", threads, cpus)
    return threads
