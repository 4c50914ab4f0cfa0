"""Environment of a training process."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.training.environment import choose_threads, fix_threads, prepare_environment


@pytest.mark.parametrize(
    ("environ", "cpus", "load", "threads"),
    [
        ({}, 8, 0.0, 8),
        ({}, 2, 3.0, 1),
        ({}, 8, 5.2, 3),
        ({}, 64, 0.0, 16),
        ({"OMP_NUM_THREADS": "4"}, 2, 9.0, 4),
        ({"OMP_NUM_THREADS": "x"}, 2, 0.0, 2),
    ],
)
def test_threads_are_the_idle_cpus_unless_a_person_says_otherwise(
    environ: dict[str, str], cpus: int, load: float, threads: int
) -> None:
    assert choose_threads(environ, cpus, load) == threads


def test_a_resumed_run_keeps_its_threads(tmp_path: Path) -> None:
    assert fix_threads(tmp_path, 4) == 4
    assert fix_threads(tmp_path, 1) == 4


def test_the_process_is_offline_and_what_a_person_set_stays(tmp_path: Path) -> None:
    environ = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "3", "HF_HUB_OFFLINE": "0"}
    assert prepare_environment(environ, tmp_path) == 3
    assert environ["HF_HUB_OFFLINE"] == "1"
    assert environ["OMP_WAIT_POLICY"] == "ACTIVE"
    assert environ["TOKENIZERS_PARALLELISM"] == "false"
